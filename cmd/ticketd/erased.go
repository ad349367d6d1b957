package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/user"
)

// erasedList is a file outside the database that names who was erased, a line each: organization and person. A backup
// that is older than an erasure holds the person's key, so after it was restored everybody in the list is erased again.
type erasedList struct{ path string }

func erasedIn(dataDir string) erasedList { return erasedList{filepath.Join(dataDir, "erased")} }

func (l erasedList) add(org domain.OrgID, id domain.UserID) (err error) {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note an erasure: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := fmt.Fprintf(file, "\n%s %s\n", org, id); err != nil { // on a line of its own, whatever was cut short before
		return fmt.Errorf("note an erasure: %w", err)
	}
	return file.Sync()
}

// each gives everybody in the list to do.
func (l erasedList) each(do func(domain.OrgID, domain.UserID) error) error {
	file, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read who was erased: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		first, second, _ := strings.Cut(lines.Text(), " ")
		org, orgErr := uuid.Parse(first)
		id, idErr := uuid.Parse(second)
		if orgErr != nil || idErr != nil { // cut short by a crash; it was written again afterwards
			continue
		}
		if err := do(domain.OrgID{UUID: org}, domain.UserID{UUID: id}); err != nil {
			return err
		}
	}
	return lines.Err()
}

// again asks for the erasure of those in the list whom a restored backup knows as if nothing had happened, and answers how
// many they are.
func (e *eraser) again(ctx context.Context) (asked int, err error) {
	err = e.list.each(func(org domain.OrgID, id domain.UserID) error {
		r := commands.Request{Org: org, By: domain.System, Correlation: "erased-" + id.String(), Causation: "erased-" + id.String()}
		before, err := e.copies.store.Head(ctx)
		if err != nil {
			return err
		}
		stream, err := e.erasures.Request(ctx, r, id, true)
		if errors.Is(err, user.ErrNotFound) { // who came after the backup is not in it
			return nil
		}
		if err == nil && stream.Position() > before {
			asked++
		}
		return err
	})
	return asked, err
}
