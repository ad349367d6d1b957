package auth

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The refusals of a configuration. The program should not start with them.
var (
	ErrNoSecret      = errors.New("ENVIRONMENT=production needs JWT_SECRET and ENCRYPTION_KEY; `openssl rand -base64 32` makes one")
	ErrJWTSecret     = fmt.Errorf("JWT_SECRET must have at least %d characters", minJWTSecret)
	ErrEncryptionKey = errors.New("ENCRYPTION_KEY must be 32 bytes in base64 or hex")
)

const minJWTSecret = 32

// Secrets answers the keys that sign sessions and seal personal data: those of the environment's variables, or else,
// but never in production, some that it makes once and keeps in dataDir. Errors: ErrNoSecret, ErrJWTSecret,
// ErrEncryptionKey, and those of the disk.
func Secrets(dataDir, environment, jwtSecret, encryptionKey string) (jwt []byte, encryption [32]byte, err error) {
	if strings.EqualFold(environment, "production") && (jwtSecret == "" || encryptionKey == "") {
		return nil, encryption, ErrNoSecret
	}
	if jwtSecret, err = orKept(jwtSecret, dataDir, "jwt_secret"); err != nil {
		return nil, encryption, err
	}
	if len(jwtSecret) < minJWTSecret {
		return nil, encryption, ErrJWTSecret
	}
	if encryptionKey, err = orKept(encryptionKey, dataDir, "encryption_key"); err != nil {
		return nil, encryption, err
	}
	key, ok := decodeKey(encryptionKey)
	if !ok {
		return nil, encryption, ErrEncryptionKey
	}
	return []byte(jwtSecret), key, nil
}

func decodeKey(text string) (key [32]byte, ok bool) {
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString,
		base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if raw, err := decode(text); err == nil && len(raw) == len(key) {
			return [32]byte(raw), true
		}
	}
	return key, false
}

// orKept answers the secret that is set, or the one kept in a file.
func orKept(set, dataDir, file string) (string, error) {
	if set != "" {
		return set, nil
	}
	dir := filepath.Join(dataDir, "secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of secrets: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("open the directory of secrets: %w", err)
	}
	defer func() { _ = root.Close() }()
	kept, err := root.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := keepNew(root, file); err != nil {
			return "", fmt.Errorf("keep a new secret: %w", err)
		}
		kept, err = root.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("read a kept secret: %w", err)
	}
	return strings.TrimSpace(string(kept)), nil
}

// keepNew writes a random secret beside its place and then links it there: nobody ever reads half of one, and of two
// processes that start together the first one's stays.
func keepNew(root *os.Root, file string) error {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: it would end the program
	draft := file + "." + rand.Text()
	if err := root.WriteFile(draft, []byte(base64.StdEncoding.EncodeToString(secret)+"\n"), 0o600); err != nil {
		return err
	}
	err := root.Link(draft, file)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, root.Remove(draft))
}
