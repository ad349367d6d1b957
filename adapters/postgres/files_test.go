//go:build linux

package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

func newOrg() domain.OrgID   { return domain.OrgID{UUID: uuid.New()} }
func newFile() domain.FileID { return domain.FileID{UUID: uuid.New()} }

// kept puts a reading into the table, and answers what the log says of it.
func kept(t *testing.T, r Readings, org domain.OrgID, of domain.FileID, reading file.Reading) file.ReadingRef {
	t.Helper()
	content, err := json.Marshal(reading)
	require.NoError(t, err)
	hash := sha256.Sum256(content)
	ref := file.ReadingRef{ID: uuid.New(), ReadHash: hex.EncodeToString(hash[:])}
	for range 2 { // a repetition does no harm
		require.NoError(t, r.Keep(t.Context(), org, ref.ID, of, file.OCR, content))
	}
	return ref
}

// fileRow puts an upload into its table that names the readings.
func fileRow(t *testing.T, pool *pgxpool.Pool, org domain.OrgID, id domain.FileID, blob string, deleted bool, refs ...file.ReadingRef) {
	t.Helper()
	stages := []map[string]any{{"stage": "validation"}}
	for _, ref := range refs {
		stages = append(stages, map[string]any{"stage": "ocr", "reading": ref})
	}
	text, err := json.Marshal(stages)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO files (id, org_id, version, filename, description, size, mime_type, category, content_hash, blob, uploaded_by, scan, signature,
			status, processing_status, run, stages, language, width, height, seconds, deleted, created_at, updated_at)
		VALUES ($1, $2, 1, 'a', '', 1, 'image/png', 'image', 'ab', $3, $1, '{}', '', 'processed', 'completed', 1, $4, '', 0, 0, 0, $5, now(), now())`,
		[16]byte(id.UUID), [16]byte(org.UUID), blob, string(text), deleted)
	require.NoError(t, err)
}

func TestAReadingIsFoundAsItWasKept(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	r, org, id := Readings{Pool: pool}, newOrg(), newFile()
	reading := file.Reading{Text: "words", Engine: "e", Regions: []file.Region{{Text: "words", Confidence: 0.9, Width: 4}}}
	ref := kept(t, r, org, id, reading)
	found, err := r.Find(t.Context(), org, ref, file.ReadingRef{})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]file.Reading{ref.ID: reading}, found)

	found, err = r.Find(t.Context(), newOrg(), ref)
	require.NoError(t, err)
	require.Empty(t, found, "another organization's")
	found, err = r.Find(t.Context(), org)
	require.NoError(t, err)
	require.Empty(t, found)

	require.NoError(t, r.Drop(t.Context(), newOrg(), ref.ID))
	require.NoError(t, r.Drop(t.Context(), org, ref.ID))
	found, err = r.Find(t.Context(), org, ref)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestAReadingThatSomebodyChangedIsNotFound(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	r, org := Readings{Pool: pool}, newOrg()
	ref := kept(t, r, org, newFile(), file.Reading{Text: "words"})
	_, err := pool.Exec(t.Context(), `UPDATE readings SET content = '{"text":"other words"}'`)
	require.NoError(t, err)
	found, err := r.Find(t.Context(), org, ref)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestReadingsThatNobodyNamesAreForgotten(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	r, org, shown, gone := Readings{Pool: pool}, newOrg(), newFile(), newFile()
	named, replaced := kept(t, r, org, shown, file.Reading{Text: "named"}), kept(t, r, org, shown, file.Reading{Text: "replaced"})
	deleted := kept(t, r, org, gone, file.Reading{Text: "deleted"})
	fileRow(t, pool, org, shown, "a", false, named)
	fileRow(t, pool, org, gone, "b", true, deleted)

	there := func() []uuid.UUID {
		found, err := r.Find(t.Context(), org, named, replaced, deleted)
		require.NoError(t, err)
		var ids []uuid.UUID
		for id := range found {
			ids = append(ids, id)
		}
		return ids
	}
	n, err := r.Forget(t.Context(), time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "of what was deleted at once")
	require.ElementsMatch(t, []uuid.UUID{named.ID, replaced.ID}, there(), "the fact about the other may be on its way")
	_, err = r.Forget(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{named.ID}, there())
}

func TestAnOrganizationKeepsNoMoreThanItsQuota(t *testing.T) {
	t.Parallel()
	b, org := Blobs{Pool: migrated(t), Quota: 100}, newOrg()
	require.NoError(t, b.Claim(t.Context(), org, "a", 60))
	require.ErrorIs(t, b.Claim(t.Context(), org, "b", 41), commands.ErrQuotaExceeded)
	require.NoError(t, b.Claim(t.Context(), org, "a", 60), "the same bytes need no room")
	require.NoError(t, b.Claim(t.Context(), org, "b", 40))
	require.NoError(t, b.Claim(t.Context(), newOrg(), "a", 100), "others have room of their own")
	b.Quota = 0
	require.NoError(t, b.Claim(t.Context(), org, "c", 1<<40))
}

// keysOf answers what the ledger holds.
func keysOf(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT key FROM blobs ORDER BY key`)
	require.NoError(t, err)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return keys
}

func TestTheQuotaHoldsForManyAtOnce(t *testing.T) {
	t.Parallel()
	b, org := Blobs{Pool: migrated(t), Quota: 100}, newOrg()
	var mu sync.Mutex
	var work sync.WaitGroup
	fit := 0
	for range 30 {
		work.Go(func() {
			err := b.Claim(t.Context(), org, uuid.NewString(), 10)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				fit++
			} else if !errors.Is(err, commands.ErrQuotaExceeded) {
				t.Error(err)
			}
		})
	}
	work.Wait()
	require.Equal(t, 10, fit)
}

func TestBytesThatNoUploadNamesAreSwept(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	b, org := Blobs{Pool: pool}, newOrg()
	for _, key := range []string{"named", "deleted", "orphan"} {
		require.NoError(t, b.Claim(t.Context(), org, key, 1))
	}
	fileRow(t, pool, org, newFile(), "named", false)
	fileRow(t, pool, org, newFile(), "deleted", true)
	fileRow(t, pool, newOrg(), newFile(), "orphan", false)
	var removed []string
	remove := func(_ context.Context, key string) error { removed = append(removed, key); return nil }
	n, err := b.Sweep(t.Context(), time.Hour, remove)
	require.NoError(t, err)
	require.Zero(t, n, "their facts may be on their way")
	n, err = b.Sweep(t.Context(), 0, remove)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	slices.Sort(removed)
	require.Equal(t, []string{"deleted", "orphan"}, removed)
	require.Equal(t, []string{"named"}, keysOf(t, pool))
}

func TestBytesThatCannotBeRemovedHoldUpNoOthersAndAreTriedAgain(t *testing.T) {
	t.Parallel()
	b, org := Blobs{Pool: migrated(t)}, newOrg()
	for _, key := range []string{"a", "b", "c"} {
		require.NoError(t, b.Claim(t.Context(), org, key, 1))
	}
	broken := errors.New("the store is away")
	n, err := b.Sweep(t.Context(), 0, func(_ context.Context, key string) error {
		if key == "b" {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 2, n)
	require.Equal(t, []string{"b"}, keysOf(t, b.Pool))
	n, err = b.Sweep(t.Context(), 0, func(context.Context, string) error { return nil })
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// After a restore that was interrupted the table of uploads is empty, and says nothing about what lies about.
func TestNothingIsSweptWhileTheUploadsAreNotKnown(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	r, b, org := Readings{Pool: pool}, Blobs{Pool: pool}, newOrg()
	require.NoError(t, b.Claim(t.Context(), org, "a", 1))
	ref := kept(t, r, org, newFile(), file.Reading{Text: "words"})
	_, err := pool.Exec(t.Context(), `DELETE FROM projections`)
	require.NoError(t, err)
	n, err := b.Sweep(t.Context(), 0, func(context.Context, string) error { return errors.New("never") })
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = r.Forget(t.Context(), 0)
	require.NoError(t, err)
	found, err := r.Find(t.Context(), org, ref)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// Whoever keeps the same bytes while they are being removed waits, and then keeps them anew.
func TestAClaimWaitsForASweep(t *testing.T) {
	t.Parallel()
	b, org := Blobs{Pool: migrated(t)}, newOrg()
	require.NoError(t, b.Claim(t.Context(), org, "a", 1))
	_, err := b.Pool.Exec(t.Context(), `UPDATE blobs SET claimed_at = now() - interval '2 hours'`)
	require.NoError(t, err)
	var order []string
	var work sync.WaitGroup
	_, err = b.Sweep(t.Context(), time.Hour, func(ctx context.Context, _ string) error {
		//nolint:contextcheck // the claim outlives the removal
		work.Go(func() {
			if err := b.Claim(t.Context(), org, "a", 1); err != nil {
				t.Error(err)
			}
			order = append(order, "claimed")
		})
		require.Eventually(t, func() bool {
			var waiting int
			err := b.Pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
			return err == nil && waiting == 1
		}, 20*time.Second, 5*time.Millisecond)
		order = append(order, "removed")
		return nil
	})
	require.NoError(t, err)
	work.Wait()
	require.Equal(t, []string{"removed", "claimed"}, order)
	require.Equal(t, []string{"a"}, keysOf(t, b.Pool))
}

func TestFilesOnADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	r, b, org := Readings{Pool: pool}, Blobs{Pool: pool}, newOrg()
	pool.Close()
	require.Error(t, r.Keep(t.Context(), org, uuid.New(), newFile(), file.OCR, []byte("{}")))
	require.Error(t, r.Drop(t.Context(), org, uuid.New()))
	_, err := r.Find(t.Context(), org, file.ReadingRef{ID: uuid.New()})
	require.Error(t, err)
	_, err = r.Forget(t.Context(), 0)
	require.Error(t, err)
	require.Error(t, b.Claim(t.Context(), org, "a", 1))
	_, err = b.Sweep(t.Context(), 0, nil)
	require.Error(t, err)
}
