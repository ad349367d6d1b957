//go:build linux

package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

func newVault(t *testing.T, pool *pgxpool.Pool, log *strings.Builder) *Vault {
	t.Helper()
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	return NewVault(pool, keys, slog.New(slog.NewTextHandler(log, nil)))
}

func anOrg() domain.OrgID { return domain.OrgID{UUID: uuid.New()} }

func TestAVaultKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	pool, log := migrated(t), &strings.Builder{}
	v, org, id := newVault(t, pool, log), anOrg(), uuid.New()
	put := func(org domain.OrgID, fields map[string]string) bool {
		t.Helper()
		same, err := v.Put(t.Context(), org, id, fields)
		require.NoError(t, err)
		return same
	}
	_, err := v.Read(t.Context(), org, id)
	require.ErrorIs(t, err, commands.ErrNoCredentials)
	require.True(t, put(org, map[string]string{"token": "a-secret-of-ours"}))
	require.True(t, put(org, map[string]string{"token": "a-secret-of-ours"}))
	require.False(t, put(org, map[string]string{"token": "another"}))
	require.False(t, put(anOrg(), map[string]string{"token": "a-secret-of-ours"}), "another organization learns nothing")

	held, err := v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, commands.Credentials{Fields: map[string]string{"token": "a-secret-of-ours"}, Revision: 1}, held)
	_, err = v.Read(t.Context(), anOrg(), id)
	require.ErrorIs(t, err, commands.ErrNoCredentials)
	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT string_agg(c::text, '') FROM integration_credentials c`).Scan(&stored))
	require.NotContains(t, stored, "secret")

	ends := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	change := func(org domain.OrgID, next *commands.Credentials, fault error) (commands.Credentials, error) {
		return v.Change(t.Context(), org, id, func(_ context.Context, held commands.Credentials) (*commands.Credentials, error) {
			require.Equal(t, "a-secret-of-ours", held.Fields["token"])
			return next, fault
		})
	}
	held, err = change(org, nil, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, held.Revision, "nothing changed")
	_, err = change(org, &commands.Credentials{}, errors.New("the vendor is away"))
	require.EqualError(t, err, "the vendor is away")
	_, err = change(anOrg(), nil, nil)
	require.ErrorIs(t, err, commands.ErrNoCredentials)
	_, err = change(org, &commands.Credentials{Ends: ends.AddDate(10_000, 0, 0)}, nil)
	require.ErrorContains(t, err, "cannot be sealed")
	held, err = change(org, &commands.Credentials{Fields: map[string]string{"token": "new"}, Ends: ends}, nil)
	require.NoError(t, err)
	again, err := v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, held, again)
	require.Equal(t, commands.Credentials{Fields: map[string]string{"token": "new"}, Ends: ends, Revision: 2}, again)

	require.NoError(t, v.Destroy(t.Context(), anOrg(), id))
	_, err = v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.NoError(t, v.Destroy(t.Context(), org, id))
	_, err = v.Read(t.Context(), org, id)
	require.ErrorIs(t, err, commands.ErrNoCredentials)
	require.NoError(t, v.Destroy(t.Context(), org, id))
	require.Empty(t, log.String())
}

// Two programs, each with its own connections, whose workers all hold the same token when the vendor takes it no longer: it is
// spent once, and everybody goes on with the one that came of it.
func TestARefreshTokenIsNeverSpentTwice(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	elsewhere, err := pgxpool.NewWithConfig(t.Context(), pool.Config())
	require.NoError(t, err)
	t.Cleanup(elsewhere.Close)
	programs := []*Vault{newVault(t, pool, &strings.Builder{}), newVault(t, elsewhere, &strings.Builder{})}
	org, id := anOrg(), uuid.New()
	_, err = programs[0].Put(t.Context(), org, id, map[string]string{"refresh_token": "0"})
	require.NoError(t, err)

	const rounds, workers = 5, 8
	var spent sync.Map
	var asked, inside atomic.Int32
	for round := range rounds {
		held, err := programs[0].Read(t.Context(), org, id)
		require.NoError(t, err)
		var all sync.WaitGroup
		for n := range workers {
			all.Go(func() {
				got, err := programs[n%2].Change(t.Context(), org, id, func(_ context.Context, now commands.Credentials) (*commands.Credentials, error) {
					assert.EqualValues(t, 1, inside.Add(1), "nobody else is at it")
					defer inside.Add(-1)
					if now.Revision != held.Revision {
						return nil, nil
					}
					_, twice := spent.LoadOrStore(now.Fields["refresh_token"], true)
					assert.False(t, twice, "the vendor takes each token once")
					asked.Add(1)
					return &commands.Credentials{Fields: map[string]string{"refresh_token": string(rune('1' + round))}}, nil
				})
				assert.NoError(t, err)
				assert.Equal(t, string(rune('1'+round)), got.Fields["refresh_token"])
			})
		}
		all.Wait()
	}
	require.EqualValues(t, rounds, asked.Load())
}

func TestWhoWaitsForAChangeCanLeave(t *testing.T) {
	t.Parallel()
	v, org, id := newVault(t, migrated(t), &strings.Builder{}), anOrg(), uuid.New()
	_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
	require.NoError(t, err)
	begun, end := make(chan struct{}), make(chan struct{})
	caller, gone := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		_, err := v.Change(caller, org, id, func(ctx context.Context, _ commands.Credentials) (*commands.Credentials, error) {
			close(begun)
			<-end
			assert.NoError(t, ctx.Err(), "a vendor that was asked is heard out")
			return &commands.Credentials{Fields: map[string]string{"token": "2"}}, nil
		})
		assert.NoError(t, err)
	})
	<-begun
	gone()
	impatient, cancel := context.WithTimeout(t.Context(), 3*vaultRest)
	defer cancel()
	_, err = v.Change(impatient, org, id, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	held, err := v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, "1", held.Fields["token"], "reading waits for nobody")
	close(end)
	first.Wait()
	held, err = v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, "2", held.Fields["token"])
}

func TestChangesLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	v := newVault(t, migrated(t), &strings.Builder{})
	end := make(chan struct{})
	var begun, all sync.WaitGroup
	begun.Add(mostChanges)
	for range mostChanges {
		org, id := anOrg(), uuid.New()
		_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
		require.NoError(t, err)
		all.Go(func() {
			_, err := v.Change(t.Context(), org, id, func(context.Context, commands.Credentials) (*commands.Credentials, error) {
				begun.Done()
				<-end
				return nil, nil
			})
			assert.NoError(t, err)
		})
	}
	begun.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := v.Change(ctx, anOrg(), uuid.New(), nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(end)
	all.Wait()
}

func TestAnOrganizationWhoseVendorsAreSlowHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	v, org, other := newVault(t, migrated(t), &strings.Builder{}), anOrg(), anOrg()
	nothing := func(context.Context, commands.Credentials) (*commands.Credentials, error) { return nil, nil }
	theirs := uuid.New()
	_, err := v.Put(t.Context(), other, theirs, map[string]string{"token": "1"})
	require.NoError(t, err)
	end, begun := make(chan struct{}), make(chan struct{}, mostChanges)
	var all sync.WaitGroup
	for range mostChanges {
		id := uuid.New()
		_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
		require.NoError(t, err)
		all.Go(func() {
			_, err := v.Change(t.Context(), org, id, func(context.Context, commands.Credentials) (*commands.Credentials, error) {
				begun <- struct{}{}
				<-end
				return nil, nil
			})
			assert.NoError(t, err)
		})
	}
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 3*vaultRest)
	defer cancel()
	_, err = v.Change(ctx, org, uuid.New(), nothing)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, begun, "one at a time")
	_, err = v.Change(t.Context(), other, theirs, nothing)
	require.NoError(t, err)
	close(end)
	all.Wait()
}

// The login of one platform is silent for everybody.
func TestAPlatformThatIsSilentHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	v := newVault(t, migrated(t), &strings.Builder{})
	v.limits.wait = 10 * vaultRest
	nothing := func(context.Context, commands.Credentials) (*commands.Credentials, error) { return nil, nil }
	end, begun := make(chan struct{}), make(chan struct{}, mostChanges)
	hear := sync.OnceFunc(func() { close(end) })
	defer hear()
	silent := func(context.Context, commands.Credentials) (*commands.Credentials, error) {
		begun <- struct{}{}
		<-end
		return nil, nil
	}
	renew := func(of integration.Platform, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) error {
		org, id := anOrg(), uuid.New()
		_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
		require.NoError(t, err)
		_, err = v.Renew(t.Context(), org, id, of, change)
		return err
	}
	var all sync.WaitGroup
	for range mostOfPlatform {
		all.Go(func() { assert.NoError(t, renew(integration.Jira, silent)) })
	}
	for range mostOfPlatform {
		<-begun
	}
	require.ErrorIs(t, renew(integration.Jira, nothing), commands.ErrBusy, "its turn does not come in time")
	require.NoError(t, renew(integration.Slack, nothing))
	require.NoError(t, renew("", nothing), "what a person gives")

	for range mostChanges - mostOfPlatform {
		all.Go(func() { assert.NoError(t, renew(integration.Slack, silent)) })
	}
	for range mostChanges - mostOfPlatform {
		<-begun
	}
	require.ErrorIs(t, renew(integration.GitHub, nothing), commands.ErrBusy, "connections are left to everybody else")
	hear()
	all.Wait()
	require.NoError(t, renew(integration.Jira, nothing))
	require.Empty(t, begun)
}

func TestAVendorThatTakesTooLongToRenewIsGivenUp(t *testing.T) {
	t.Parallel()
	v, org, id := newVault(t, migrated(t), &strings.Builder{}), anOrg(), uuid.New()
	_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
	require.NoError(t, err)
	v.limits.change = 100 * time.Millisecond
	_, err = v.Change(t.Context(), org, id, func(ctx context.Context, _ commands.Credentials) (*commands.Credentials, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "The vendor took too long to renew the credentials."}, err)
}

// The connection is lost just when the vendor has given a token that it gives only once.
func TestWhatAVendorGaveIsKeptOverAnotherConnection(t *testing.T) {
	t.Parallel()
	pool, log := migrated(t), &strings.Builder{}
	v, org, id := newVault(t, pool, log), anOrg(), uuid.New()
	_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
	require.NoError(t, err)
	_, err = v.Change(t.Context(), org, id, func(ctx context.Context, _ commands.Credentials) (*commands.Credentials, error) {
		_, err := pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`)
		require.NoError(t, err)
		return &commands.Credentials{Fields: map[string]string{"token": "a-secret-given-once"}}, nil
	})
	require.NoError(t, err)
	held, err := v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, "a-secret-given-once", held.Fields["token"])
	require.Contains(t, log.String(), "not kept yet")
	require.NotContains(t, log.String(), "secret")
}

// The database refuses the first try, and there is no second connection.
func TestWhatAVendorGaveDoesNotWaitForItsOwnConnection(t *testing.T) {
	t.Parallel()
	one := migrated(t).Config()
	one.MaxConns, one.MinConns = 1, 0
	pool, err := pgxpool.NewWithConfig(t.Context(), one)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	log := &strings.Builder{}
	v, org, id := newVault(t, pool, log), anOrg(), uuid.New()
	v.limits = vaultLimits{wait: time.Second, change: 2 * time.Second, try: time.Second, rest: 10 * time.Millisecond, tries: 2}
	_, err = v.Put(t.Context(), org, id, map[string]string{"token": "1"})
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `
		CREATE SEQUENCE tries;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') = 1 THEN RAISE 'not yet'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON integration_credentials FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
	_, err = v.Change(t.Context(), org, id, func(context.Context, commands.Credentials) (*commands.Credentials, error) {
		return &commands.Credentials{Fields: map[string]string{"token": "2"}}, nil
	})
	require.NoError(t, err)
	held, err := v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, "2", held.Fields["token"])
	require.Equal(t, 1, strings.Count(log.String(), "not kept yet"))
}

// Somebody holds the row for as long as two tries were given up.
func TestATryToKeepWhatAVendorGaveTakesOnlySoLong(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	v, org, id := newVault(t, pool, &strings.Builder{}), anOrg(), uuid.New()
	v.limits.try, v.limits.rest = 100*time.Millisecond, 10*time.Millisecond
	said := make(chan struct{}, v.limits.tries)
	v.log = slog.New(slog.NewTextHandler(told(func() { said <- struct{}{} }), nil))
	_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
	require.NoError(t, err)
	var other sync.WaitGroup
	_, err = v.Change(t.Context(), org, id, func(ctx context.Context, _ commands.Credentials) (*commands.Credentials, error) {
		loseLock(ctx, t, pool)
		tx, err := pool.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `SELECT FROM integration_credentials FOR UPDATE`)
		require.NoError(t, err)
		other.Go(func() { //nolint:contextcheck // the change may be over before it is done
			for range 3 {
				<-said
			}
			assert.NoError(t, tx.Rollback(t.Context()))
		})
		return &commands.Credentials{Fields: map[string]string{"token": "2"}}, nil
	})
	require.NoError(t, err)
	other.Wait()
	held, err := v.Read(t.Context(), org, id)
	require.NoError(t, err)
	require.Equal(t, "2", held.Fields["token"])
}

type told func()

func (t told) Write(p []byte) (int, error) {
	t()
	return len(p), nil
}

// loseLock ends the connections that hold one.
func loseLock(ctx context.Context, t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	_, err := pool.Exec(ctx, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`)
	require.NoError(t, err)
}

// The lock is lost with its connection, and others come in between.
func TestWhatOthersKeptMeanwhileIsNotTakenForOnesOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		between func(ctx context.Context, other *Vault, org domain.OrgID, id uuid.UUID) error
		want    error
	}{
		"another token": {func(ctx context.Context, other *Vault, org domain.OrgID, id uuid.UUID) error {
			_, err := other.Change(ctx, org, id, func(context.Context, commands.Credentials) (*commands.Credentials, error) {
				return &commands.Credentials{Fields: map[string]string{"token": "theirs"}}, nil
			})
			return err
		}, commands.ErrBusy},
		"this one, by a try whose answer was lost": {func(ctx context.Context, other *Vault, org domain.OrgID, id uuid.UUID) error {
			_, err := other.Change(ctx, org, id, func(context.Context, commands.Credentials) (*commands.Credentials, error) {
				return &commands.Credentials{Fields: map[string]string{"token": "ours"}}, nil
			})
			return err
		}, nil},
		"nothing any more": {func(ctx context.Context, other *Vault, org domain.OrgID, id uuid.UUID) error {
			return other.Destroy(ctx, org, id)
		}, commands.ErrNoCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := migrated(t)
			v, other, org, id := newVault(t, pool, &strings.Builder{}), newVault(t, pool, &strings.Builder{}), anOrg(), uuid.New()
			v.limits.rest = 10 * time.Millisecond
			_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
			require.NoError(t, err)
			_, err = v.Change(t.Context(), org, id, func(ctx context.Context, _ commands.Credentials) (*commands.Credentials, error) {
				loseLock(ctx, t, pool)
				require.NoError(t, c.between(ctx, other, org, id))
				return &commands.Credentials{Fields: map[string]string{"token": "ours"}}, nil
			})
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestSecretsOfAnotherKeyAreNotToldOf(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	v, org, id := newVault(t, pool, &strings.Builder{}), anOrg(), uuid.New()
	sealed, err := v.keys.Seal(t.Context(), org.UUID, id, []byte(`"a secret that is no object"`))
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `INSERT INTO integration_credentials (integration_id, org_id, sealed, revision) VALUES ($1, $2, $3, 1)`, [16]byte(id), [16]byte(org.UUID), sealed)
	require.NoError(t, err)
	_, err = v.Read(t.Context(), org, id)
	require.ErrorContains(t, err, "not what was sealed")
	require.NotContains(t, err.Error(), "secret")
	_, err = v.Change(t.Context(), org, id, nil)
	require.ErrorContains(t, err, "not what was sealed")
	_, err = pool.Exec(t.Context(), `UPDATE integration_credentials SET sealed = 'nonsense'`)
	require.NoError(t, err)
	_, err = v.Read(t.Context(), org, id)
	require.ErrorIs(t, err, commands.ErrNoCredentials, "sealed with a key that is gone")
}

func TestCredentialsOfNothingAreSweptAway(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	v, org := newVault(t, pool, &strings.Builder{}), anOrg()
	orphan, living, ended := uuid.New(), uuid.New(), uuid.New()
	for _, id := range []uuid.UUID{orphan, living, ended} {
		_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
		require.NoError(t, err)
	}
	for n, e := range []struct {
		id      uuid.UUID
		version int
		name    string
	}{{living, 1, "integration.connected"}, {ended, 1, "integration.connected"}, {ended, 2, "integration.disconnected"}} {
		_, err := pool.Exec(t.Context(), `INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash) VALUES ($1, $2, $3, $4, '{}', '{}', now(), '', $5)`,
			[16]byte(e.id), e.version, [16]byte(org.UUID), e.name, []byte{byte(n)})
		require.NoError(t, err)
	}
	c := Consents{Pool: pool, Keys: v.keys}
	for hash, ends := range map[string]time.Duration{"old": -time.Minute, "new": time.Minute} {
		require.NoError(t, c.Begin(t.Context(), commands.PendingConsent{StateHash: hash, Org: org, Integration: living, Verifier: "v", Ends: time.Now().Add(ends)}))
	}
	swept := func(age time.Duration) int64 {
		t.Helper()
		n, err := v.Sweep(t.Context(), age)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, swept(time.Hour), "somebody may be connecting at this moment")
	require.EqualValues(t, 2, swept(0))
	require.Zero(t, swept(0))
	_, err := v.Read(t.Context(), org, living)
	require.NoError(t, err)
	var left string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT string_agg(state_hash, ',') FROM integration_consents`).Scan(&left))
	require.Equal(t, "new", left)
}

func TestAConsentIsTakenOnce(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	c, now := Consents{Pool: pool, Keys: keys}, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	want := commands.PendingConsent{
		StateHash: "hash", Org: anOrg(), Integration: uuid.New(), User: domain.UserID{UUID: uuid.New()}, Verifier: "a-secret-verifier", Redirect: "https://x", Ends: now,
	}
	take := func(hash string, at time.Time) (commands.PendingConsent, bool) {
		t.Helper()
		p, ok, err := c.Take(t.Context(), hash, at)
		require.NoError(t, err)
		p.Ends = p.Ends.UTC()
		return p, ok
	}
	require.NoError(t, c.Begin(t.Context(), want))
	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT c::text FROM integration_consents c`).Scan(&stored))
	require.NotContains(t, stored, "secret")
	_, ok := take("other", now.Add(-time.Second))
	require.False(t, ok)
	got, ok := take("hash", now.Add(-time.Second))
	require.True(t, ok)
	require.Equal(t, want, got)
	_, ok = take("hash", now.Add(-time.Second))
	require.False(t, ok)
	require.NoError(t, c.Begin(t.Context(), want))
	_, ok = take("hash", now)
	require.False(t, ok, "too late")

	// Of many who come with the same state, one is let in.
	require.NoError(t, c.Begin(t.Context(), want))
	var all sync.WaitGroup
	var taken atomic.Int32
	for range 8 {
		all.Go(func() {
			if _, ok, err := c.Take(t.Context(), "hash", now.Add(-time.Second)); assert.NoError(t, err) && ok {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, taken.Load())
}

func TestTheLatestCheckCounts(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	checks, org, id, now := CheckTimes{Pool: pool}, anOrg(), uuid.New(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{now, now.Add(time.Minute), now.Add(time.Second)} {
		require.NoError(t, checks.Checked(t.Context(), org, id, at))
	}
	var at time.Time
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT checked_at FROM integration_checks WHERE org_id = $1 AND integration_id = $2`, [16]byte(org.UUID), [16]byte(id)).Scan(&at))
	require.Equal(t, now.Add(time.Minute), at.UTC())
}

func TestAVaultThatIsAway(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	v, org, id := newVault(t, pool, &strings.Builder{}), anOrg(), uuid.New()
	_, err := v.Put(t.Context(), org, id, map[string]string{"token": "1"})
	require.NoError(t, err)
	pool.Close()
	none := func(_ any, err error) { t.Helper(); require.Error(t, err) }
	none(v.Put(t.Context(), org, id, map[string]string{"token": "1"}))
	none(v.Put(t.Context(), org, uuid.New(), map[string]string{"token": "1"}))
	none(v.Read(t.Context(), org, id))
	none(v.Change(t.Context(), org, id, nil))
	none(v.Sweep(t.Context(), 0))
	none(nil, v.Destroy(t.Context(), org, id))
	c := Consents{Pool: pool, Keys: v.keys}
	none(nil, c.Begin(t.Context(), commands.PendingConsent{Integration: id}))
	none(nil, c.Begin(t.Context(), commands.PendingConsent{Integration: uuid.New()}))
	_, _, err = c.Take(t.Context(), "hash", time.Now())
	none(nil, err)
	none(nil, CheckTimes{Pool: pool}.Checked(t.Context(), org, id, time.Now()))
}
