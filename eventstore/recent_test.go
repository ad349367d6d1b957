package eventstore

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func at(positions ...int64) []Recorded {
	events := make([]Recorded, len(positions))
	for i, p := range positions {
		events[i].Position = p
	}
	return events
}

func positionsOf(events []Recorded) []int64 {
	var list []int64
	for _, e := range events {
		list = append(list, e.Position)
	}
	return list
}

func newRecent(t *testing.T) *recent {
	t.Helper()
	keys, err := NewKeyring(make([]byte, 32), &memoryKeys{wrapped: map[uuid.UUID][]byte{}})
	require.NoError(t, err)
	return &recent{keys: keys}
}

func TestRecentAnswersWhatFollowsDirectly(t *testing.T) {
	t.Parallel()
	r := newRecent(t)
	r.add(at(5, 6))
	r.add(at(7))
	for after, want := range map[int64][]int64{3: nil, 4: {5, 6, 7}, 5: {6, 7}, 6: {7}, 7: nil, 8: nil} {
		events, all := r.after(after, 10)
		require.Equal(t, want, positionsOf(events), "after %d", after)
		require.Equal(t, want != nil, all)
	}
	events, all := r.after(4, 2)
	require.Equal(t, []int64{5, 6}, positionsOf(events))
	require.False(t, all)
}

func TestRecentNeverBridgesAGap(t *testing.T) {
	t.Parallel()
	r := newRecent(t)
	r.add(at(5, 6))
	r.add(at(8, 9)) // 7 may be another instance's
	events, _ := r.after(5, 10)
	require.Empty(t, events)
	events, _ = r.after(6, 10)
	require.Empty(t, events)
	events, _ = r.after(7, 10)
	require.Equal(t, []int64{8, 9}, positionsOf(events))
	r.add(at(7)) // the other lane, late
	events, _ = r.after(7, 10)
	require.Equal(t, []int64{8, 9}, positionsOf(events))
}

func TestRecentKeepsTheNewest(t *testing.T) {
	t.Parallel()
	r := newRecent(t)
	r.add(nil)
	for p := range int64(3 * kept) {
		r.add(at(p + 1))
	}
	require.Less(t, len(r.events), 2*kept)
	events, all := r.after(3*kept-2, 10)
	require.Equal(t, []int64{3*kept - 1, 3 * kept}, positionsOf(events))
	require.True(t, all)
}

func TestRecentForgetsWithTheKeyring(t *testing.T) {
	t.Parallel()
	r := newRecent(t)
	r.add(at(1, 2))
	r.keys.Forget(uuid.New())
	events, _ := r.after(0, 10)
	require.Empty(t, events)
	r.add(at(3))
	events, _ = r.after(0, 10)
	require.Empty(t, events)
	events, _ = r.after(2, 10)
	require.Equal(t, []int64{3}, positionsOf(events))
	r.drop()
	events, _ = r.after(2, 10)
	require.Empty(t, events)
}

func TestWhatOthersShareIsNotAppendedTo(t *testing.T) {
	t.Parallel()
	r := newRecent(t)
	r.add(at(1, 2, 3))
	some, _ := r.after(0, 2)
	_ = append(some, Recorded{Position: 99})
	events, _ := r.after(0, 10)
	require.Equal(t, []int64{1, 2, 3}, positionsOf(events))
}

func TestAnOpenedKeyIsLookedUpAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	store := &memoryKeys{wrapped: map[uuid.UUID][]byte{}}
	keys, err := NewKeyring(make([]byte, 32), store)
	require.NoError(t, err)
	person := uuid.New()
	sealed, err := keys.Seal(t.Context(), uuid.New(), person, []byte("words"))
	require.NoError(t, err)
	delete(store.wrapped, person) // as another instance does that erases
	_, readable, err := keys.Open(t.Context(), person, sealed)
	require.NoError(t, err)
	require.True(t, readable, "still cached")

	keys.mu.Lock()
	opened := keys.opened[person]
	opened.until = opened.until.Add(-CachedFor)
	keys.opened[person] = opened
	keys.mu.Unlock()
	_, readable, err = keys.Open(t.Context(), person, sealed)
	require.NoError(t, err)
	require.False(t, readable)
}
