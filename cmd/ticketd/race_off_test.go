//go:build !race

package main

// raceDetector tells that everything takes ten times as long.
const raceDetector = false

// hearMemory is what the child that hears may take.
const hearMemory = 4 << 30
