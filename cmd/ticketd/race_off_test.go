//go:build !race

package main

// raceDetector tells that everything takes ten times as long.
const raceDetector = false

// childMemory is what a child of ours may take.
const childMemory = 4 << 30
