// the executable
