package commands

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// secretBytes is how much of a token nobody can guess.
const secretBytes = 32

// text is strict, so that one token has one spelling.
var text = base64.RawURLEncoding.Strict()

// HashToken is the form in which tokens are stored. One round of SHA-256 suffices for what has 256 random bits.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Secrets makes the part of a token that nobody can guess.
type Secrets interface {
	// Secret answers the same 32 bytes for the same words, and nothing that anybody could guess who has not the key.
	Secret(words ...string) [secretBytes]byte
}

// newLocator makes a token that says where its stream is, so that presenting it needs no look-up: the stream's id, its
// organization and a secret. Refresh tokens and invitations are such; they go into URLs unescaped.
func newLocator(org domain.OrgID, stream uuid.UUID, secret [secretBytes]byte) string {
	return text.EncodeToString(slices.Concat(stream[:], org.UUID[:], secret[:]))
}

// random is a secret that is never made again.
func random() (secret [secretBytes]byte) {
	_, _ = rand.Read(secret[:]) // never fails: it would end the program
	return secret
}

// locate answers where the stream of a token should be. That proves nothing: only the hash in the stream does.
func locate(token string) (org domain.OrgID, stream uuid.UUID, ok bool) {
	raw, err := text.DecodeString(token)
	if err != nil || len(raw) != 2*len(stream)+secretBytes {
		return domain.OrgID{}, uuid.Nil, false
	}
	copy(stream[:], raw)
	copy(org.UUID[:], raw[len(stream):])
	return org, stream, true
}
