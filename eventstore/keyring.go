package eventstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// KeyStore keeps wrapped keys. A subject is a person, or a stream whose words can be erased by themselves.
type KeyStore interface {
	// LoadKeys answers the keys that exist among those asked for. The key of an erased subject is empty.
	LoadKeys(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error)

	// CreateKey stores a first key and answers the one that is stored: another's when that came first, an empty one
	// when the subject was erased.
	CreateKey(ctx context.Context, org, subject uuid.UUID, wrapped []byte) ([]byte, error)
}

// Keyring holds the keys that seal personal data: one a person, and one a stream of the nouns that say so, each wrapped
// by the master key. Opened keys are cached. That there is none is not: a subject without a key may be given one, by any
// instance.
type Keyring struct {
	master cipher.AEAD
	store  KeyStore

	mu        sync.RWMutex
	opened    map[uuid.UUID]openedKey
	forgotten int // how often Forget was called
}

// subjectKey opens what was sealed for a subject.
type subjectKey struct {
	cipher.AEAD
	secret []byte
}

// within answers the key of a person's words in a stream that has a key of its own: without either one they are gone.
// Both are random and know nothing of each other, so each bit of one hides that of the other.
func (k *subjectKey) within(stream *subjectKey) (cipher.AEAD, error) {
	var both [32]byte
	subtle.XORBytes(both[:], k.secret, stream.secret)
	return newAEAD(both[:])
}

// openedKey is a key as it was some time ago. It is looked up again once in a while, so that a person whose key another
// instance deleted is gone from here too, even if nobody told us.
type openedKey struct {
	*subjectKey
	until time.Time
}

// CachedFor is how long an opened key is used without looking whether it is still there. So long after an erasure nobody
// can read the words any more, not even an instance that has not heard of it.
const CachedFor = 10 * time.Second

// cachedKeys bounds the cache: about 1 KB each.
const cachedKeys = 20_000

// NewKeyring takes the 32 bytes of ENCRYPTION_KEY.
func NewKeyring(masterKey []byte, store KeyStore) (*Keyring, error) {
	if len(masterKey) != 32 {
		return nil, fmt.Errorf("eventstore: the encryption key has %d bytes, not 32", len(masterKey))
	}
	master, err := newAEAD(masterKey)
	if err != nil {
		return nil, err
	}
	return &Keyring{master: master, store: store, opened: map[uuid.UUID]openedKey{}}, nil
}

// Key answers the subject's key and makes one on first use. ErrErased when there was one.
func (k *Keyring) Key(ctx context.Context, org, subject uuid.UUID) (cipher.AEAD, error) {
	key, err := k.key(ctx, org, subject)
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (k *Keyring) key(ctx context.Context, org, subject uuid.UUID) (*subjectKey, error) {
	key, since := k.cached(subject)
	if key != nil {
		return key, nil
	}
	stored, err := k.store.LoadKeys(ctx, []uuid.UUID{subject})
	if err != nil {
		return nil, fmt.Errorf("load key of %s: %w", subject, err)
	}
	wrapped, exists := stored[subject]
	if !exists {
		_, fresh := k.fresh(subject)
		if wrapped, err = k.store.CreateKey(ctx, org, subject, fresh); err != nil {
			return nil, fmt.Errorf("create key of %s: %w", subject, err)
		}
	}
	if len(wrapped) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrErased, subject)
	}
	if key, err = k.unwrap(subject, wrapped); err != nil {
		return nil, err
	}
	k.remember(subject, key, since)
	return key, nil
}

// fresh makes a key for a subject, as it is used and as it is stored.
func (k *Keyring) fresh(subject uuid.UUID) (key *subjectKey, wrapped []byte) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: it would end the program
	key, err := newSubjectKey(secret)
	if err != nil {
		panic(err) // 32 bytes always make a key
	}
	return key, k.wrap(subject, secret)
}

// Keys answers the keys of all subjects, read in one query; none for a subject that was erased.
func (k *Keyring) Keys(ctx context.Context, subjects []uuid.UUID) (SubjectKeys, error) {
	known, err := k.known(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return func(subject uuid.UUID) (cipher.AEAD, error) {
		if key := known[subject]; key != nil {
			return key, nil
		}
		return nil, nil
	}, nil
}

// known answers the keys of those subjects that have or had one, with one query for all that are not cached. That of an
// erased subject is nil.
func (k *Keyring) known(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID]*subjectKey, error) {
	keys := make(map[uuid.UUID]*subjectKey, min(len(subjects), 64))
	asked := make(map[uuid.UUID]struct{})
	var missing []uuid.UUID
	since := k.era()
	for _, subject := range subjects {
		if keys[subject] != nil {
			continue
		}
		if _, twice := asked[subject]; twice {
			continue
		}
		if key, _ := k.cached(subject); key != nil {
			keys[subject] = key
			continue
		}
		asked[subject] = struct{}{}
		missing = append(missing, subject)
	}
	if len(missing) == 0 {
		return keys, nil
	}
	stored, err := k.store.LoadKeys(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("load keys: %w", err)
	}
	for subject, wrapped := range stored {
		if len(wrapped) == 0 {
			keys[subject] = nil
			continue
		}
		key, err := k.unwrap(subject, wrapped)
		if err != nil {
			return nil, err
		}
		keys[subject] = key
		k.remember(subject, key, since)
	}
	return keys, nil
}

// Forget drops a key from the cache, as every instance must when a person is erased.
func (k *Keyring) Forget(subject uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.opened, subject)
	k.forgotten++
}

// era counts the calls of Forget. What was decrypted in another era may hold words of a person who was erased since.
func (k *Keyring) era() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.forgotten
}

// Seal encrypts bytes that are about a person but live outside the log.
func (k *Keyring) Seal(ctx context.Context, org, subject uuid.UUID, plain []byte) (string, error) {
	key, err := k.Key(ctx, org, subject)
	if err != nil {
		return "", err
	}
	return sealBytes(key, plain, subject[:]), nil
}

// Open reads what Seal made; false when the person was erased since.
func (k *Keyring) Open(ctx context.Context, subject uuid.UUID, sealed string) ([]byte, bool, error) {
	keys, err := k.Keys(ctx, []uuid.UUID{subject})
	if err != nil {
		return nil, false, err
	}
	key, err := keys(subject)
	if err != nil {
		return nil, false, err
	}
	plain, ok := openBytes(key, sealed, subject[:])
	return plain, ok, nil
}

// cached answers an opened key, or nil, and the moment for remember.
func (k *Keyring) cached(subject uuid.UUID) (key *subjectKey, since int) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if opened, ok := k.opened[subject]; ok && time.Now().Before(opened.until) {
		return opened.subjectKey, k.forgotten
	}
	return nil, k.forgotten
}

// remember caches a key unless somebody was forgotten since: it might be the one that was being read meanwhile.
func (k *Keyring) remember(subject uuid.UUID, key *subjectKey, since int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.forgotten != since {
		return
	}
	if len(k.opened) >= cachedKeys {
		for victim := range k.opened { // whichever comes first; it is read again when it is needed
			delete(k.opened, victim)
			break
		}
	}
	k.opened[subject] = openedKey{subjectKey: key, until: time.Now().Add(CachedFor)}
}

func (k *Keyring) wrap(subject uuid.UUID, secret []byte) []byte {
	nonce := make([]byte, k.master.NonceSize())
	_, _ = rand.Read(nonce) // never fails: it would end the program
	return k.master.Seal(nonce, nonce, secret, subject[:])
}

func (k *Keyring) unwrap(subject uuid.UUID, wrapped []byte) (*subjectKey, error) {
	size := k.master.NonceSize()
	if len(wrapped) < size {
		return nil, fmt.Errorf("eventstore: the key of %s is cut short", subject)
	}
	secret, err := k.master.Open(nil, wrapped[:size], wrapped[size:], subject[:])
	if err != nil {
		return nil, fmt.Errorf("eventstore: the key of %s was wrapped with another ENCRYPTION_KEY: %w", subject, err)
	}
	return newSubjectKey(secret)
}

func newSubjectKey(secret []byte) (*subjectKey, error) {
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	return &subjectKey{AEAD: aead, secret: secret}, nil
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// StreamKey answers the key of a stream, nil when it has none of its own. ErrErased when it had one.
type StreamKey func() (*subjectKey, error)

// ForWriting answers keys for events of an organization, made on first use. stream is nil for a noun whose streams have
// no keys.
func (k *Keyring) ForWriting(ctx context.Context, org uuid.UUID, stream StreamKey) SubjectKeys {
	return func(subject uuid.UUID) (cipher.AEAD, error) {
		key, err := k.key(ctx, org, subject)
		if err != nil || stream == nil {
			return key, err
		}
		own, err := stream()
		if err != nil || own == nil {
			return key, err
		}
		return key.within(own)
	}
}
