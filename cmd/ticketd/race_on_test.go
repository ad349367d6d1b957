//go:build race

package main

// raceDetector tells that everything takes ten times as long.
const raceDetector = true

// childMemory is what a child of ours may take.
const childMemory = 1 << 50 // the detector's shadow memory is address space too
