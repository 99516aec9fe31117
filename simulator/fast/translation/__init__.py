"""From the kernel's Python source to LLVM's assembly: what Numba's front end does, for the few things that occur."""
