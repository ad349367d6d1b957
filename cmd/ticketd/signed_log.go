package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"ticketd/adapters/auth"
	"ticketd/eventstore"
)

const (
	// signEvery is how often the log is signed while it grows.
	signEvery = time.Minute
	// lastSigning is how long the last head may take when the program stops.
	lastSigning = 30 * time.Second
)

// openSignedLog needs the database's pool and the encryption key.
func (p *program) openSignedLog() (err error) {
	signer, err := eventstore.NewHeadSigner(p.encryptionKey)
	p.signedLog = &eventstore.SignedLog{Pool: p.pool, Signer: signer, Witness: witnessFile(p.config)}
	return err
}

// withSignedLog is withDatabase with the signed log, for what only reads.
func withSignedLog(ctx context.Context, do func(context.Context, *program) error) error {
	return withDatabase(ctx, func(ctx context.Context, p *program) (err error) {
		if _, p.encryptionKey, err = auth.Secrets(p.config.DataDir, p.config.Environment, p.config.JWTSecret, p.config.EncryptionKey); err != nil {
			return err
		}
		if err = p.openSignedLog(); err != nil {
			return err
		}
		return do(ctx, p)
	})
}

// keepSigning signs the log while it grows, until ctx ends. It stops, and Ready says so, when the log is not what was
// signed: what comes after must not be signed as if nothing had happened.
func (p *program) keepSigning(ctx context.Context) {
	ticker := time.NewTicker(signEvery)
	defer ticker.Stop()
	for {
		if err := p.sign(ctx); errors.Is(err, eventstore.ErrSignedLog) {
			p.log.ErrorContext(ctx, "the log is not what was signed; `ticketd verify` tells more", "cause", err)
			p.health.stopped.Store("signed log", "is not what was signed")
			return
		} else if err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "the log was not signed; the next minute tries again", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// signLast signs what came since the last minute, once nobody writes any more.
func (p *program) signLast(ctx context.Context) {
	if _, broken := p.health.stopped.Load("signed log"); broken {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastSigning)
	defer cancel()
	if err := p.sign(ctx); err != nil {
		p.log.WarnContext(ctx, "the end of the log was not signed; the next start does it", "cause", err)
	}
}

// sign signs the log, and tells of a new head.
func (p *program) sign(ctx context.Context) error {
	head, grown, err := p.signedLog.Sign(ctx)
	if grown {
		p.log.InfoContext(ctx, "the log is signed", "size", head.Size, "root", head.Root.String(), "position", head.Position)
	}
	return err
}

// witness keeps the last signed head in a file: it costs nothing, and is outside the database. It implements
// eventstore.Witness.
type witness struct{ path string }

// witnessFile has a name for each database, because one DATA_DIR may have served several.
func witnessFile(c config) witness {
	name := "signed_head"
	if u, err := url.Parse(c.DatabaseURL); c.DatabaseURL != "" && err == nil {
		of := sha256.Sum256([]byte(u.Host + u.Path))
		name += "-" + hex.EncodeToString(of[:4])
	}
	return witness{filepath.Join(c.DataDir, name)}
}

// Last implements eventstore.Witness.
func (w witness) Last() (string, error) {
	kept, err := os.ReadFile(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the signed head that was kept: %w", err)
	}
	return string(kept), nil
}

// Keep implements eventstore.Witness. The file is written beside its place first: nobody ever reads half of it.
func (w witness) Keep(note string) error {
	err := writeWhole(w.path, func(draft *os.File) error {
		_, err := draft.WriteString(note)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the signed head: %w", err)
	}
	return nil
}
