package commands

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

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

// newSecret makes the part of a token that nobody can guess.
func newSecret() string {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails: it would end the program
	return text.EncodeToString(secret)
}

// newLocator makes a token that says where its stream is, so that presenting it needs no look-up: the stream's id, its
// organization and a secret. Refresh tokens and invitations are such; they go into URLs unescaped.
func newLocator(org domain.OrgID, stream uuid.UUID) string {
	token := make([]byte, 0, 2*len(stream)+secretBytes)
	token = append(token, stream[:]...)
	token = append(token, org.UUID[:]...)
	token = token[:cap(token)]
	_, _ = rand.Read(token[2*len(stream):]) // never fails: it would end the program
	return text.EncodeToString(token)
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
