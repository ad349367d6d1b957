package eventstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Memory is an event store for tests of what stands on one. It encodes, seals and chains like Postgres.
type Memory struct {
	codec   *Codec
	keys    *Keyring
	wrapped *memoryKeys
	wake    *wake

	mu      sync.RWMutex
	log     []stored
	streams map[uuid.UUID][]int // indexes into log
}

// NewMemory answers an empty store with keys of its own.
func NewMemory(codec *Codec) *Memory {
	wrapped := &memoryKeys{wrapped: map[uuid.UUID][]byte{}}
	keys, err := NewKeyring(make([]byte, 32), wrapped)
	if err != nil {
		panic(err) // a key of 32 bytes always makes a keyring
	}
	return &Memory{codec: codec, keys: keys, wrapped: wrapped, wake: newWake(), streams: map[uuid.UUID][]int{}}
}

// Load implements Log.
func (m *Memory) Load(ctx context.Context, org, stream uuid.UUID) (Stream, error) {
	m.mu.RLock()
	var batch []stored
	for _, i := range m.streams[stream] {
		if m.log[i].Org == org {
			batch = append(batch, m.log[i])
		}
	}
	m.mu.RUnlock()
	events, err := open(ctx, m.codec, m.keys, batch)
	return Stream{Org: org, ID: stream, Events: events}, err
}

// Append implements Log.
func (m *Memory) Append(ctx context.Context, md Metadata, writes ...Write) ([]Stream, error) {
	batch, err := prepare(ctx, m.codec, m.keys, md, writes)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range batch {
		if gone := m.wrapped.erased(p.words); len(gone) > 0 {
			for _, subject := range gone {
				m.keys.Forget(subject)
			}
			return nil, ErrConflict
		}
		history := m.streams[p.stream.ID]
		if len(history) != p.expected() || len(history) > 0 && m.log[history[0]].Org != p.stream.Org {
			return nil, ErrConflict
		}
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for _, p := range batch {
		p.stamp(now)
		if p.key != nil {
			if _, err := m.wrapped.CreateKey(ctx, p.stream.Org, p.stream.ID, p.wrapped); err != nil {
				return nil, fmt.Errorf("create key of %s: %w", p.stream.ID, err)
			}
		}
		if p.erasesKey {
			m.wrapped.erase(p.stream.ID)
			m.keys.Forget(p.stream.ID)
		}
		added := p.added()
		for i := range added {
			added[i].Position = int64(len(m.log) + 1)
			m.streams[p.stream.ID] = append(m.streams[p.stream.ID], len(m.log))
			m.log = append(m.log, stored{Recorded: added[i], data: p.rows[i].data, metadata: p.rows[i].metadata})
		}
	}
	m.wake.broadcast()
	return grown(writes, batch), nil
}

// Read implements Reader.
func (m *Memory) Read(ctx context.Context, q Query) ([]Recorded, error) {
	m.mu.RLock()
	var batch []stored
	for _, s := range m.log {
		if q.matches(s.Recorded) && (q.Limit == 0 || len(batch) < q.Limit) {
			batch = append(batch, s)
		}
	}
	m.mu.RUnlock()
	return q.opener()(ctx, m.codec, m.keys, batch)
}

// Next implements Reader.
func (m *Memory) Next(ctx context.Context, after int64) ([]Recorded, bool, error) {
	events, err := m.Read(ctx, Query{After: after, Limit: feedBatch})
	return events, len(events) < feedBatch, err
}

// Head implements Reader.
func (m *Memory) Head(context.Context) (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return int64(len(m.log)), nil
}

// Woken implements Reader.
func (m *Memory) Woken() <-chan struct{} { return m.wake.wait() }

// memoryKeys is the KeyStore of Memory.
type memoryKeys struct {
	mu      sync.Mutex
	wrapped map[uuid.UUID][]byte
}

func (k *memoryKeys) LoadKeys(_ context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := map[uuid.UUID][]byte{}
	for _, subject := range subjects {
		if wrapped, ok := k.wrapped[subject]; ok {
			found[subject] = wrapped
		}
	}
	return found, nil
}

func (k *memoryKeys) CreateKey(_ context.Context, _, subject uuid.UUID, wrapped []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if first, ok := k.wrapped[subject]; ok {
		return first, nil
	}
	k.wrapped[subject] = wrapped
	return wrapped, nil
}

func (k *memoryKeys) erase(subject uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wrapped[subject] = nil
}

func (k *memoryKeys) erased(subjects [][16]byte) []uuid.UUID {
	k.mu.Lock()
	defer k.mu.Unlock()
	var gone []uuid.UUID
	for _, subject := range subjects {
		if wrapped, ok := k.wrapped[subject]; ok && wrapped == nil {
			gone = append(gone, subject)
		}
	}
	return gone
}
