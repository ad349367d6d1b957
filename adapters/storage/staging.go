package storage

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"ticketd/commands"
)

const (
	// gulp is how much is read from an upload at a time, and piece how much is written at a time: a connection gives few
	// bytes at once, and a system call for each few is dear.
	gulp  = 32 << 10
	piece = 256 << 10
)

// staging is the folder where bytes lie that are not kept yet.
type staging struct {
	dir    string
	create func(dir string) (*os.File, error) // a new file in dir, to be written and read
}

func newStaging(dir string) staging {
	return staging{dir: dir, create: func(dir string) (*os.File, error) { return os.CreateTemp(dir, "staged-") }}
}

// Stage implements Storage.
func (s staging) Stage(ctx context.Context, r io.Reader, most int64) (commands.Staged, error) {
	file, err := s.file()
	if err != nil {
		return nil, err
	}
	taken := &staged{file: file, path: file.Name()}
	if err := taken.fill(ctx, r, most); err != nil {
		return nil, errors.Join(err, taken.Close())
	}
	return taken, nil
}

// file makes a file in the folder, which is made anew when somebody has removed it.
func (s staging) file() (*os.File, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, full(fmt.Errorf("make the staging folder: %w", err))
	}
	file, err := s.create(s.dir)
	if err != nil {
		return nil, full(fmt.Errorf("make a staging file: %w", err))
	}
	return file, nil
}

// sweep removes the files that have not been written to for olderThan.
func (s staging) sweep(olderThan time.Duration) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the staging folder: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < olderThan { // one that has gone meanwhile needs no sweeping
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a staging file: %w", err)
		}
	}
	return nil
}

// staged is an upload in a staging file.
type staged struct {
	file *os.File
	path string // of the file; empty when it has become permanent
	size int64
	sum  [sha256.Size]byte
}

// fill writes what r gives, and hashes it on the way.
func (s *staged) fill(ctx context.Context, r io.Reader, most int64) error {
	hash, out := sha256.New(), bufio.NewWriterSize(s.file, piece)
	held := make([]byte, gulp)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		// One byte more than it may be, to see whether there is more.
		n, end := r.Read(held[:min(gulp, most+1-s.size)])
		if s.size += int64(n); s.size > most {
			return commands.ErrTooLarge
		}
		_, _ = hash.Write(held[:n]) // a hash takes everything
		_, err := out.Write(held[:n])
		if err == nil && errors.Is(end, io.EOF) {
			err = out.Flush()
		}
		if err != nil {
			return full(fmt.Errorf("write a staging file: %w", err))
		}
		if errors.Is(end, io.EOF) {
			hash.Sum(s.sum[:0])
			return nil
		}
		if end != nil {
			return end
		}
	}
}

// Size implements commands.Staged.
func (s *staged) Size() int64 { return s.size }

// SHA256 implements commands.Staged.
func (s *staged) SHA256() [sha256.Size]byte { return s.sum }

// ReadAt implements io.ReaderAt.
func (s *staged) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

// Reader implements commands.Staged.
func (s *staged) Reader() io.Reader { return io.NewSectionReader(s.file, 0, s.size) }

// Close implements commands.Staged.
func (s *staged) Close() error {
	err := s.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	if s.path == "" {
		return err
	}
	if gone := os.Remove(s.path); !errors.Is(gone, fs.ErrNotExist) { // it may have been swept away
		err = errors.Join(err, gone)
	}
	return err
}

// full makes a refusal of the errors of a disk, or a share of it, that is used up.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", commands.ErrStorageFull, err)
	}
	return err
}
