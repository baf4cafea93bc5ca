"""pdlearn's agents for other programs: folders in the Hub's form, ONNX graphs and web pages."""
