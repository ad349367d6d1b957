package eventstore

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Head is a signed head: the statement that the log, up to an event, was so and not otherwise. The zero Head is that of
// a log which nobody has signed yet.
type Head struct {
	Size     int64     // events it covers
	Root     tlog.Hash // of the tree over their entries
	Position int64     // of the last of them
	Previous int64     // the size of the head signed before this one, so that none can be left out
	At       time.Time // UTC, in seconds
	Note     string    // all of it with its signature, as a signed note: text, an empty line, "— name signature"
}

// headText is what is signed, in the form of a C2SP tlog checkpoint: origin, size and root, each on a line, and then our
// own lines.
func headText(origin string, h Head) string {
	return fmt.Sprintf("%s\n%d\n%s\nposition %d\nprevious %d\ntime %s\n", origin, h.Size, h.Root, h.Position, h.Previous, h.At.Format(time.RFC3339))
}

// HeadKey is the public key that tells whether a head was signed by whom it should.
//
// # Why
//
// Heads are signed notes as Go's checksum database and the transparency logs of the web write them: short text that
// people, and `openssl`, can read. Without the library we would join the text, an empty line and the base64 of four
// bytes of the key's hash and the Ed25519 signature; and the parser would have to refuse every other spelling.
type HeadKey struct {
	text     string
	verifier note.Verifier
	public   ed25519.PublicKey
}

// ParseHeadKey reads a key as String writes it.
func ParseHeadKey(text string) (HeadKey, error) {
	text = strings.TrimSpace(text)
	verifier, err := note.NewVerifier(text)
	if err != nil {
		return HeadKey{}, fmt.Errorf("%q is no public key like those that `ticketd key` prints: %w", text, err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 3)[2]) // an algorithm's byte, and the key
	if err != nil {
		return HeadKey{}, fmt.Errorf("read the public key: %w", err)
	}
	return HeadKey{text: text, verifier: verifier, public: raw[1:]}, nil
}

// String is the key as a line of text: name, a fingerprint, and the key in base64.
func (k HeadKey) String() string { return k.text }

// PEM is the key as openssl reads it.
func (k HeadKey) PEM() string {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		panic(err) // an Ed25519 key can always be written
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

var errNoHead = errors.New("the note is no signed head")

// Open reads a head. An error when this key has not signed it, or when it is no head at all.
func (k HeadKey) Open(signed string) (Head, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(k.verifier))
	if err != nil {
		return Head{}, fmt.Errorf("read a signed head: %w", err)
	}
	for _, s := range n.Sigs { // the library takes other spellings of the same signature, too
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Head{}, errNoHead
		}
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 7 {
		return Head{}, errNoHead
	}
	h := Head{Note: signed}
	h.Size, _ = strconv.ParseInt(lines[1], 10, 64) // whatever goes wrong is found by writing it again
	h.Root, _ = tlog.ParseHash(lines[2])
	h.Position, _ = strconv.ParseInt(strings.TrimPrefix(lines[3], "position "), 10, 64)
	h.Previous, _ = strconv.ParseInt(strings.TrimPrefix(lines[4], "previous "), 10, 64)
	h.At, _ = time.Parse(time.RFC3339, strings.TrimPrefix(lines[5], "time "))
	if headText(k.verifier.Name(), h) != n.Text {
		return Head{}, errNoHead
	}
	return h, nil
}

// HeadSigner signs heads.
type HeadSigner struct {
	HeadKey
	signer note.Signer
}

// NewHeadSigner derives a key of its own from ENCRYPTION_KEY: it is the same on every instance and after a restore, and
// there is no further secret to keep.
func NewHeadSigner(encryptionKey [32]byte) (HeadSigner, error) {
	seed, err := hkdf.Key(sha256.New, encryptionKey[:], nil, "ticketd: signed heads of the log", ed25519.SeedSize)
	if err != nil {
		return HeadSigner{}, fmt.Errorf("derive the key of signed heads: %w", err)
	}
	public := ed25519.PublicKey(ed25519.NewKeyFromSeed(seed)[ed25519.SeedSize:])
	fingerprint := sha256.Sum256(public)
	name := "ticketd-log/" + hex.EncodeToString(fingerprint[:4])
	text, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return HeadSigner{}, fmt.Errorf("name the key of signed heads: %w", err)
	}
	key, err := ParseHeadKey(text)
	if err != nil {
		return HeadSigner{}, err
	}
	const ed25519Algorithm = 1
	private := base64.StdEncoding.EncodeToString(append([]byte{ed25519Algorithm}, seed...))
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, key.verifier.KeyHash(), private))
	if err != nil {
		return HeadSigner{}, fmt.Errorf("make the signer of heads: %w", err)
	}
	return HeadSigner{HeadKey: key, signer: signer}, nil
}

// sign answers the head with its note.
func (s HeadSigner) sign(h Head) (Head, error) {
	signed, err := note.Sign(&note.Note{Text: headText(s.signer.Name(), h)}, s.signer)
	if err != nil {
		return Head{}, fmt.Errorf("sign a head: %w", err)
	}
	h.Note = string(signed)
	return h, nil
}
