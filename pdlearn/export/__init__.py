"""pdlearn's agents for other programs: folders in the Hub's form, and ONNX graphs."""
