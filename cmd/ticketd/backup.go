package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ticketd/adapters/backup"
	"ticketd/adapters/postgres"
	"ticketd/adapters/storage"
	"ticketd/eventstore"
	"ticketd/migrations"
)

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write the log, the keys and the stored files into one file", Args: cobra.ExactArgs(1),
		Long: `Write the log, the keys and the stored files into one file, consistent at one position, while the program serves.
Tables that are made from the log are left out; restore makes them anew. Keep ENCRYPTION_KEY elsewhere: without it nobody,
you included, can read what people wrote.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				return p.backup(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
}

// withoutSweep runs do while nobody removes files that the rows say are there.
func (p *program) withoutSweep(ctx context.Context, do func(context.Context) error) error {
	for {
		ran, err := postgres.Alone(ctx, p.pool, eventstore.SweepLock, do)
		if ran || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Read a backup into an empty database, rebuild and verify", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				return p.restore(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
}

// filesFolder is where uploads are stored; empty when that is a bucket, which is backed up where it lies.
func (p *program) filesFolder() string {
	if dir, local := p.files.store.(*storage.Dir); local {
		return dir.Root()
	}
	return ""
}

// schema answers the last migration that the database has.
func (p *program) schema(ctx context.Context) (last int64, err error) {
	all, err := postgres.MigrateStatus(ctx, p.pool, migrations.FS)
	for _, m := range all {
		if m.Applied {
			last = max(last, m.Version)
		}
	}
	return last, err
}

func (p *program) backup(ctx context.Context, path string, out, waiting io.Writer) error {
	if err := p.sign(ctx); err != nil {
		return err
	}
	schema, err := p.schema(ctx)
	if err != nil {
		return err
	}
	derived := []string{"projections"} // says which code made the tables, and they are not in the backup
	for _, projection := range p.projections {
		derived = append(derived, projection.Name)
	}
	bar := newProgress(waiting, "back up", "events")
	known := backup.Manifest{Program: version, Schema: schema, PublicKey: p.signedLog.Signer.String()}
	var m backup.Manifest
	err = p.withoutSweep(ctx, func(ctx context.Context) error {
		return writeWhole(path, func(draft *os.File) (err error) {
			m, err = backup.Write(ctx, p.pool, draft, known, derived, p.filesFolder(), bar.at)
			return err
		})
	})
	if err != nil {
		return err
	}
	bar.at(m.Events, m.Events)
	bar.end()
	fmt.Fprintf(out, "%s: %d events, up to position %d\n", path, m.Events, m.Position)
	if p.filesFolder() == "" {
		fmt.Fprintln(out, "The files lie in the bucket of STORAGE_URL and are not in it: keep versions of them there.")
	}
	return nil
}

func (p *program) restore(ctx context.Context, path string, out, waiting io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // opened for reading
	schema, err := p.schema(ctx)
	if err != nil {
		return err
	}
	bar := newProgress(waiting, "restore", "events")
	folder := cmp.Or(p.filesFolder(), filepath.Join(p.config.DataDir, "files")) // of a backup that holds files, though the storage is a bucket now
	m, err := backup.Restore(ctx, p.pool, file, schema, p.signedLog.Signer.String(), folder, bar.at)
	if err != nil {
		return err
	}
	bar.at(m.Events, m.Events)
	bar.end()
	fmt.Fprintf(out, "%d events of %s, up to position %d\n", m.Events, m.MadeAt.Format("2006-01-02 15:04:05 MST"), m.Position)
	again, err := p.eraser.again(ctx)
	if again > 0 {
		fmt.Fprintf(out, "%d people were erased after the backup was made; they are erased again when the program starts\n", again)
	}
	if err != nil {
		return err
	}
	if err := p.resetWitness(ctx, out); err != nil {
		return err
	}
	if err := p.rebuild(ctx, p.projections, out, waiting); err != nil && !errors.Is(err, errRowsDiffered) { // the old tables were empty
		return err
	}
	return p.verify(ctx, verifyFlags{}, out, waiting)
}

// continueBehind keeps positions that were given out after the backup was made from being given out again: a client that
// resumes behind one of them must not take a new event for an old one.
func (p *program) continueBehind(ctx context.Context, seen string) error {
	head, err := p.signedLog.Signer.Open(seen)
	if err != nil { // another log's
		return nil //nolint:nilerr // it says nothing of this one
	}
	_, err = p.pool.Exec(ctx, `SELECT setval(pg_get_serial_sequence('events', 'position'), greatest($1, (SELECT max(position) FROM events)))`, head.Position)
	return err
}

// resetWitness lets the witness begin with the restored log. What it had seen is kept beside it: events that came after
// the backup are gone, and an auditor may want to know which head they had.
func (p *program) resetWitness(ctx context.Context, out io.Writer) error {
	w := witnessFile(p.config)
	seen, err := w.Last()
	if err != nil {
		return err
	}
	restored, err := p.signedLog.Latest(ctx)
	if errors.Is(err, eventstore.ErrNothingSigned) { // the backup of a log without events
		return nil
	}
	if err != nil {
		return err
	}
	if seen == restored.Note {
		return nil
	}
	if seen != "" {
		if err := os.Rename(w.path, w.path+".before_restore"); err != nil {
			return err
		}
		fmt.Fprintf(out, "the signed head that was kept here is not this log's; it lies in %s.before_restore\n", w.path)
		if err := p.continueBehind(ctx, seen); err != nil {
			return err
		}
	}
	return w.Keep(restored.Note)
}
