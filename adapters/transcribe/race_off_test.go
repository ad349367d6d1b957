//go:build !race

package transcribe_test

// childMemory is the address space of a child: the default.
const childMemory = 0
