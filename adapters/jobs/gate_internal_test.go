package jobs

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// waiter has a queue wait at the gate for a job, and then for another; it says when it has one.
func waiter(g *gate, queue string, goes chan<- string) {
	for {
		t, places := g.enter(queue, 1)
		if places == 0 {
			return
		}
		g.settle(t, places, places)
		goes <- queue
	}
}

func TestTheMostUrgentGoFirstButNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, goes := &gate{}, make(chan string, 1)
		for _, queue := range []string{extraction, ocr, transcription} {
			go waiter(g, queue, goes)
			synctest.Wait()
		}
		var order []string
		for range 12 {
			g.leave()
			order = append(order, <-goes)
			synctest.Wait()
		}
		require.Equal(t, []string{
			transcription, transcription, transcription, transcription, ocr, extraction,
			transcription, transcription, transcription, transcription, ocr, extraction,
		}, order)
		go waiter(g, suspects, goes)
		synctest.Wait()
		g.leave()
		require.Equal(t, suspects, <-goes)
		g.close()
		_, places := g.enter(ocr, 1)
		require.Zero(t, places)
	})
}

func TestPlacesThatFindNoJobArePassedOn(t *testing.T) {
	t.Parallel()
	g := &gate{free: 3}
	first, places := g.enter(ocr, 5)
	require.Equal(t, 3, places)
	g.settle(first, places, 1)
	second, places := g.enter(transcription, 1)
	require.Equal(t, 1, places)
	passed := &turn{urgency: 3, wanted: 5, places: make(chan int, 1)}
	g.free--
	g.waiting = append(g.waiting, passed)
	g.settle(second, places, 0)
	require.Equal(t, 1, <-passed.places)
	require.Zero(t, passed.passed, "an empty queue does not go first")
}
