// MatrixCore: what Matrix is, as values and pure functions.
//
// Absent, on purpose: input and output, a clock, randomness, a database, HTTP, other targets of this package save the C shim for OpenSSL and Argon2.
// Time, keys and random bytes come as arguments; nothing here waits, logs or keeps state between calls.
