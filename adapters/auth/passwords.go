// Package auth tells who is calling: passwords, access tokens, API tokens, and the secrets behind them.
//
// # Why
//
// An access token is believed for what it signs, but what its owner may do is asked anew with every request: whoever is
// locked out, demoted or signed out is so at once, not when the token runs out. The answers are kept in memory and
// forgotten by events, so asking costs no query.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is what one password hash costs.
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// OWASP is the cost that the Open Web Application Security Project recommends for argon2id.
var OWASP = Cost{MemoryKiB: 19 * 1024, Passes: 2, Threads: 1}

const (
	saltBytes = 16
	keyBytes  = 32

	// maxMemoryKiB bounds what a stored hash can make us spend.
	maxMemoryKiB = 1 << 20
	maxPasses    = 1 << 10
)

// errMalformed reports a stored hash that no version of this program wrote.
var errMalformed = errors.New("auth: malformed password hash")

// Passwords hashes with argon2id. It implements commands.Passwords.
type Passwords struct {
	cost  Cost
	slots chan struct{} // as many hashes at once as there are processors: more would only cost memory
}

// NewPasswords answers a hasher of new passwords at this cost. It verifies at the cost that each hash names.
func NewPasswords(cost Cost) *Passwords {
	return &Passwords{cost: cost, slots: make(chan struct{}, runtime.NumCPU())}
}

// Hash implements commands.Passwords. The hash is a PHC string, like $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: it would end the program
	key, err := p.derive(ctx, p.cost, salt, password, keyBytes)
	if err != nil {
		return "", err
	}
	return phc{cost: p.cost, salt: salt, key: key}.String(), nil
}

// Verify implements commands.Passwords. An error is a malformed hash, or the end of ctx while waiting for a processor.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		_, err := p.derive(ctx, p.cost, make([]byte, saltBytes), password, keyBytes)
		return false, err
	}
	stored, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	key, err := p.derive(ctx, stored.cost, stored.salt, password, uint32(len(stored.key))) //nolint:gosec // parsePHC bounds it
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, stored.key) == 1, nil
}

func (p *Passwords) derive(ctx context.Context, c Cost, salt []byte, password string, length uint32) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a processor to hash on: %w", ctx.Err())
	}
	defer func() { <-p.slots }()
	return argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Threads, length), nil
}

// phc is a password hash in the form that other programs write, too.
type phc struct {
	cost      Cost
	salt, key []byte
}

var phcText = base64.RawStdEncoding.Strict()

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.MemoryKiB, h.cost.Passes, h.cost.Threads,
		phcText.EncodeToString(h.salt), phcText.EncodeToString(h.key))
}

func parsePHC(hash string) (phc, error) {
	var h phc
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errMalformed
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.cost.MemoryKiB, &h.cost.Passes, &h.cost.Threads); err != nil {
		return h, fmt.Errorf("%w: %w", errMalformed, err)
	}
	var saltErr, keyErr error
	h.salt, saltErr = phcText.DecodeString(parts[4])
	h.key, keyErr = phcText.DecodeString(parts[5])
	c := h.cost
	if saltErr != nil || keyErr != nil || len(h.key) < saltBytes || len(h.key) > 2*keyBytes ||
		c.Threads == 0 || c.Passes == 0 || c.Passes > maxPasses || c.MemoryKiB > maxMemoryKiB {
		return h, errMalformed
	}
	return h, nil
}
