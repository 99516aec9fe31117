"""The command line: one file a command, arguments in, result out."""
