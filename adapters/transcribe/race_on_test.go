//go:build race

package transcribe_test

// childMemory is the address space of a child: the race detector reserves terabytes of it.
const childMemory = 1 << 50
