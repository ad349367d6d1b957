//go:build race

package main

// raceDetector tells that everything takes ten times as long.
const raceDetector = true

// hearMemory is what the child that hears may take.
const hearMemory = 1 << 50 // the detector's shadow memory is address space too
