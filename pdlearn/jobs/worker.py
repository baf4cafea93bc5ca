"""The program of a process of `LocalExecutor`: a pickled call on standard input, its result out."""

import os
import pickle
import sys


def main() -> None:
    """Call what standard input holds, and write the result to standard output."""
    with os.fdopen(os.dup(1), "wb") as results:
        os.dup2(2, 1)  # what is printed is no part of the result
        function, arguments = pickle.load(sys.stdin.buffer)
        results.write(pickle.dumps(function(*arguments)))


if __name__ == "__main__":
    main()
