package eventstore_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/eventstore"
)

// keyStore is a KeyStore in memory that can fail, and do something while a key is being read.
type keyStore struct {
	mu      sync.Mutex
	wrapped map[uuid.UUID][]byte
	loads   int
	err     error  // of the next calls
	during  func() // called when a key was read, before it is answered
}

func (s *keyStore) LoadKeys(_ context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error) {
	s.mu.Lock()
	s.loads++
	found := map[uuid.UUID][]byte{}
	for _, subject := range subjects {
		if wrapped, ok := s.wrapped[subject]; ok {
			found[subject] = wrapped
		}
	}
	during, err := s.during, s.err
	s.mu.Unlock()
	if during != nil {
		during()
	}
	return found, err
}

func (s *keyStore) CreateKey(_ context.Context, _, subject uuid.UUID, wrapped []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	if s.wrapped == nil {
		s.wrapped = map[uuid.UUID][]byte{}
	}
	if _, exists := s.wrapped[subject]; !exists {
		s.wrapped[subject] = wrapped
	}
	return s.wrapped[subject], nil
}

func (s *keyStore) erase(subject uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrapped[subject] = nil
}

func keyring(t *testing.T, store eventstore.KeyStore) *eventstore.Keyring {
	t.Helper()
	ring, err := eventstore.NewKeyring(masterKey, store)
	require.NoError(t, err)
	return ring
}

func sealFor(t *testing.T, ring *eventstore.Keyring, person uuid.UUID, plain string) string {
	t.Helper()
	sealed, err := ring.Seal(t.Context(), org, person, []byte(plain))
	require.NoError(t, err)
	return sealed
}

// requireOpens checks what a sealed text reads as; "" when it cannot be opened.
func requireOpens(t *testing.T, ring *eventstore.Keyring, person uuid.UUID, sealed, want string) {
	t.Helper()
	plain, ok, err := ring.Open(t.Context(), person, sealed)
	require.NoError(t, err)
	require.Equal(t, want != "", ok)
	require.Equal(t, want, string(plain))
}

func TestTheMasterKeyHas32Bytes(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 16, 24, 31, 33} {
		_, err := eventstore.NewKeyring(make([]byte, length), &keyStore{})
		require.ErrorContains(t, err, "not 32")
	}
}

func TestWhatIsSealedOpensForItsPerson(t *testing.T) {
	t.Parallel()
	store, anna, ben := &keyStore{}, newID(), newID()
	ring := keyring(t, store)
	sealed := sealFor(t, ring, anna, "words")
	require.NotContains(t, sealed, "words")
	require.NotEqual(t, sealed, sealFor(t, ring, anna, "words"), "the same words never look the same")
	sealFor(t, ring, ben, "others")
	requireOpens(t, ring, anna, sealed, "words")
	requireOpens(t, ring, ben, sealed, "")
	requireOpens(t, ring, anna, sealed[:8], "")
	requireOpens(t, keyring(t, store), anna, sealed, "words") // an instance that has just started
}

// Whoever reads the table of keys learns nothing: each is wrapped by the master key, for its person alone.
func TestKeysAreWrapped(t *testing.T) {
	t.Parallel()
	store, anna, ben := &keyStore{}, newID(), newID()
	sealed := sealFor(t, keyring(t, store), anna, "words")

	stranger, err := eventstore.NewKeyring(bytes.Repeat([]byte{1}, 32), store)
	require.NoError(t, err)
	_, _, err = stranger.Open(t.Context(), anna, sealed)
	require.ErrorContains(t, err, "another ENCRYPTION_KEY")
	_, err = stranger.Seal(t.Context(), org, anna, []byte("words"))
	require.ErrorContains(t, err, "another ENCRYPTION_KEY")

	swapped := &keyStore{wrapped: map[uuid.UUID][]byte{ben: store.wrapped[anna]}}
	_, err = keyring(t, swapped).Key(t.Context(), org, ben)
	require.Error(t, err, "a key taken from somebody else's row")
	cut := &keyStore{wrapped: map[uuid.UUID][]byte{anna: store.wrapped[anna][:5]}}
	_, err = keyring(t, cut).Key(t.Context(), org, anna)
	require.ErrorContains(t, err, "cut short")
}

func TestTwoWhoMakeAKeyAtOnceGetTheSame(t *testing.T) {
	t.Parallel()
	store, anna := &keyStore{}, newID()
	rings := make([]*eventstore.Keyring, 8)
	texts := make([]string, len(rings))
	var work errgroup.Group
	for i := range rings {
		rings[i] = keyring(t, store)
		work.Go(func() (err error) {
			texts[i], err = rings[i].Seal(t.Context(), org, anna, []byte("words"))
			return err
		})
	}
	require.NoError(t, work.Wait())
	for i, ring := range rings {
		requireOpens(t, ring, anna, texts[(i+1)%len(texts)], "words")
	}
}

func TestManyKeysAreReadAtOnce(t *testing.T) {
	t.Parallel()
	store, anna, ben, nobody := &keyStore{}, newID(), newID(), newID()
	sealFor(t, keyring(t, store), anna, "x")
	sealFor(t, keyring(t, store), ben, "x")
	ring, before := keyring(t, store), store.loads
	for range 2 { // the second time from the cache
		keys, err := ring.Keys(t.Context(), []uuid.UUID{anna, ben, anna})
		require.NoError(t, err)
		for person, known := range map[uuid.UUID]bool{anna: true, ben: true, nobody: false} {
			key, err := keys(person)
			require.NoError(t, err)
			require.Equal(t, known, key != nil)
		}
	}
	require.Equal(t, before+1, store.loads)
}

// A person without a key may get one from another instance at any time.
func TestAMissingKeyIsLookedForAgain(t *testing.T) {
	t.Parallel()
	store, anna := &keyStore{}, newID()
	here, there := keyring(t, store), keyring(t, store)
	requireOpens(t, here, anna, "AAAA", "")
	sealed := sealFor(t, there, anna, "words")
	requireOpens(t, here, anna, sealed, "words")
}

func TestAnErasedSubjectNeverGetsAnotherKey(t *testing.T) {
	t.Parallel()
	store, anna := &keyStore{}, newID()
	ring := keyring(t, store)
	sealed := sealFor(t, ring, anna, "words")
	store.erase(anna)
	ring.Forget(anna)
	requireOpens(t, ring, anna, sealed, "")
	_, err := ring.Key(t.Context(), org, anna)
	require.ErrorIs(t, err, eventstore.ErrErased)
	_, err = ring.Seal(t.Context(), org, anna, []byte("more"))
	require.ErrorIs(t, err, eventstore.ErrErased)
}

func TestAForgottenKeyIsGone(t *testing.T) {
	t.Parallel()
	store, anna := &keyStore{}, newID()
	ring := keyring(t, store)
	sealed := sealFor(t, ring, anna, "words")
	store.erase(anna)
	requireOpens(t, ring, anna, sealed, "words") // the cache still knows it
	ring.Forget(anna)
	requireOpens(t, ring, anna, sealed, "")
}

// Forgetting must also hold for a key that is just being read.
func TestAKeyForgottenWhileItIsReadIsNotRemembered(t *testing.T) {
	t.Parallel()
	store, anna := &keyStore{}, newID()
	sealed := sealFor(t, keyring(t, store), anna, "words")
	for name, read := range map[string]func(*eventstore.Keyring) error{
		"one": func(ring *eventstore.Keyring) error { _, err := ring.Key(t.Context(), org, anna); return err },
		"many": func(ring *eventstore.Keyring) error {
			_, err := ring.Keys(t.Context(), []uuid.UUID{anna})
			return err
		},
	} {
		own := &keyStore{wrapped: maps.Clone(store.wrapped)}
		ring := keyring(t, own)
		own.during = func() {
			own.erase(anna)
			ring.Forget(anna)
		}
		require.NoError(t, read(ring), name)
		require.Zero(t, ring.Cached(), name)
		requireOpens(t, ring, anna, sealed, "")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	store := &keyStore{wrapped: map[uuid.UUID][]byte{}}
	first := newID()
	sealed := sealFor(t, keyring(t, store), first, "words")
	ring := keyring(t, store)
	people := make([]uuid.UUID, eventstore.CachedKeys+10)
	for i := range people {
		people[i] = newID()
		store.wrapped[people[i]] = eventstore.WrapForTest(ring, people[i])
	}
	_, err := ring.Keys(t.Context(), people)
	require.NoError(t, err)
	require.Equal(t, eventstore.CachedKeys, ring.Cached())
	requireOpens(t, ring, first, sealed, "words")
	require.Equal(t, eventstore.CachedKeys, ring.Cached())
}

func TestAKeyStoreThatIsDownIsAnError(t *testing.T) {
	t.Parallel()
	down := &keyStore{err: errors.New("down")}
	ring, anna := keyring(t, down), newID()
	_, err := ring.Key(t.Context(), org, anna)
	require.ErrorIs(t, err, down.err)
	_, err = ring.Keys(t.Context(), []uuid.UUID{anna})
	require.ErrorIs(t, err, down.err)
	_, err = ring.Seal(t.Context(), org, anna, nil)
	require.ErrorIs(t, err, down.err)
	_, _, err = ring.Open(t.Context(), anna, "")
	require.ErrorIs(t, err, down.err)
	require.Zero(t, ring.Cached())
}

func TestAKeyThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	broken := &keyStore{}
	broken.during = func() { broken.err = errors.New("full") } // between the look and the creation
	_, err := keyring(t, broken).Key(t.Context(), org, newID())
	require.ErrorContains(t, err, "create key")
}
