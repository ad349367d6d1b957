package eventstore_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

// keptInMemory is a Witness.
type keptInMemory struct {
	mu   sync.Mutex
	note string
	err  error
}

func (k *keptInMemory) Last() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.note, k.err
}

func (k *keptInMemory) Keep(note string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.note = note
	}
	return k.err
}

func signer(t *testing.T) eventstore.HeadSigner {
	t.Helper()
	s, err := eventstore.NewHeadSigner([32]byte(masterKey))
	require.NoError(t, err)
	return s
}

func signedLog(t *testing.T, pool *pgxpool.Pool) *eventstore.SignedLog {
	t.Helper()
	return &eventstore.SignedLog{Pool: pool, Signer: signer(t), Witness: &keptInMemory{}}
}

func mustSign(t *testing.T, s *eventstore.SignedLog) eventstore.Head {
	t.Helper()
	head, _, err := s.Sign(t.Context())
	require.NoError(t, err)
	return head
}

func mustVerify(t *testing.T, s *eventstore.SignedLog, what ...eventstore.Verifying) eventstore.Report {
	t.Helper()
	report, err := s.Verify(t.Context(), append(what, eventstore.Verifying{})[0])
	require.NoError(t, err)
	return report
}

// fill appends so many events to each of the streams, in turn.
func fill(t *testing.T, s eventstore.Log, each int, streams ...eventstore.Stream) []eventstore.Stream {
	t.Helper()
	for n := range each {
		for i := range streams {
			streams[i] = mustAppend(t, s, streams[i], strconv.Itoa(n))
		}
	}
	return streams
}

// fillFast appends many events in few transactions, to streams of ten.
func fillFast(t *testing.T, s eventstore.Log, org uuid.UUID, events int) {
	t.Helper()
	for ; events > 0; events -= 2000 {
		var writes []eventstore.Write
		for n := 0; n < min(events, 2000); n += 10 {
			w := eventstore.Write{Stream: eventstore.Stream{Org: org, ID: newID()}}
			for i := range min(10, events-n) {
				w.Events = append(w.Events, eventstoretest.Noted{Text: strconv.Itoa(i)})
			}
			writes = append(writes, w)
		}
		_, err := s.Append(t.Context(), eventstore.Metadata{}, writes...)
		require.NoError(t, err)
	}
}

func TestASignedLogVerifies(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, log := open(t, pool, eventstore.Options{}), signedLog(t, pool)
	head, grown, err := log.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, grown, "an empty log has nothing to sign")
	require.Zero(t, head)
	_, err = log.Latest(t.Context())
	require.ErrorIs(t, err, eventstore.ErrNothingSigned)
	require.True(t, mustVerify(t, log).Valid)

	var signed int64
	for _, more := range []int{1, 254, 1, 1, 300, 600, 17_000} {
		fillFast(t, s, org, more)
		head, grown, err := log.Sign(t.Context())
		require.NoError(t, err)
		require.True(t, grown)
		require.Equal(t, signed+int64(more), head.Size)
		signed = head.Size
	}
	again, grown, err := log.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, grown)
	latest, err := log.Latest(t.Context())
	require.NoError(t, err)
	require.Equal(t, latest, again)
	fillFast(t, s, org, 7)

	report := mustVerify(t, log, eventstore.Verifying{Seen: []eventstore.Head{latest}})
	require.True(t, report.Valid, "%+v", report.Findings)
	require.Equal(t, signed+7, report.Events)
	require.Equal(t, signed, report.Size)
	require.EqualValues(t, 7, report.Unsigned)
	require.Equal(t, latest.Note, report.Head)
	require.Empty(t, report.Findings)
	require.Nil(t, report.FirstBad)
}

func TestAChangedTreeIsNeverSigned(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"a hash":              `UPDATE log_hashes SET hash = sha256('x') WHERE level = 9`,
		"no hash":             `DELETE FROM log_hashes WHERE level = 9`,
		"a hash too many":     `INSERT INTO log_hashes VALUES (8, 2, sha256('x'))`,
		"an entry":            `UPDATE log_entries SET entries = set_byte(entries, 50, get_byte(entries, 50) # 1) WHERE bundle = 2`,
		"no entries":          `DELETE FROM log_entries WHERE bundle = 2`,
		"fewer entries":       `UPDATE log_entries SET entries = substr(entries, 77) WHERE bundle = 2`,
		"more entries":        `INSERT INTO log_entries SELECT 3, position, entries FROM log_entries WHERE bundle = 2`,
		"another head":        `UPDATE signed_heads SET note = replace(note, 'position', 'Position') WHERE size = 530`,
		"no head":             `DELETE FROM signed_heads`,
		"an earlier head":     `DELETE FROM signed_heads WHERE size = 530`,
		"an earlier state":    `WITH a AS (DELETE FROM signed_heads WHERE size = 530), b AS (DELETE FROM log_hashes), c AS (DELETE FROM log_entries WHERE bundle > 0) UPDATE log_entries SET entries = substr(entries, 1, 76*20) WHERE bundle = 0`,
		"another log's state": `WITH a AS (DELETE FROM signed_heads), b AS (DELETE FROM log_hashes) DELETE FROM log_entries`,
		"another key's":       ``,
		"another witness'":    ``,
		"another key's kept":  ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			s, log := open(t, pool, eventstore.Options{}), signedLog(t, pool)
			fillFast(t, s, org, 20)
			mustSign(t, log)
			fillFast(t, s, org, 510)
			mustSign(t, log)
			fillFast(t, s, org, 250)
			other, err := eventstore.NewHeadSigner([32]byte{1})
			require.NoError(t, err)
			switch name {
			case "another key's":
				log.Signer = other
			case "another witness'":
				another := database(t)
				fillFast(t, open(t, another, eventstore.Options{}), org, 20)
				foreign := signedLog(t, another)
				mustSign(t, foreign)
				log.Witness = foreign.Witness
			case "another key's kept":
				another := database(t)
				fillFast(t, open(t, another, eventstore.Options{}), org, 20)
				foreign := signedLog(t, another)
				foreign.Signer = other
				mustSign(t, foreign)
				log.Witness = foreign.Witness
			default:
				exec(t, pool, sql)
			}
			_, grown, err := log.Sign(t.Context())
			require.ErrorIs(t, err, eventstore.ErrSignedLog)
			require.False(t, grown)
			require.Zero(t, number(t, pool, `SELECT count(*) FROM signed_heads WHERE size > 530`))
			_, err = log.Export(t.Context(), io.Discard, nil)
			require.ErrorIs(t, err, eventstore.ErrSignedLog)
		})
	}
}

func TestAWitnessThatCannotBeAskedIsAnError(t *testing.T) {
	t.Parallel()
	pool := database(t)
	fillFast(t, open(t, pool, eventstore.Options{}), org, 3)
	log := signedLog(t, pool)
	log.Witness.(*keptInMemory).err = io.ErrUnexpectedEOF
	_, _, err := log.Sign(t.Context())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = log.Verify(t.Context(), eventstore.Verifying{})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestWithoutADatabaseNothingIsProved(t *testing.T) {
	t.Parallel()
	pool := database(t)
	log := signedLog(t, pool)
	pool.Close()
	_, _, err := log.Sign(t.Context())
	require.Error(t, err)
	_, err = log.Latest(t.Context())
	require.Error(t, err)
	_, err = log.Verify(t.Context(), eventstore.Verifying{})
	require.Error(t, err)
	_, err = log.Export(t.Context(), io.Discard, nil)
	require.Error(t, err)
	_, err = log.Prove(t.Context(), org, newID())
	require.Error(t, err)
	require.Error(t, log.Stream(t.Context(), org, newID(), nil))
}

// The log grows while two instances sign it, and while it is verified and exported.
func TestAnUntouchedLogAlwaysVerifies(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, other := open(t, pool, eventstore.Options{}), another(t, pool)
	signers := []*eventstore.SignedLog{signedLog(t, pool), signedLog(t, other.pool)}
	var writers, work sync.WaitGroup
	for n := range 8 {
		store := []instance{s, other}[n%2]
		writers.Go(func() {
			for range 40 {
				stream := fresh()
				for range 4 {
					var err error
					if stream, err = appendNote(t.Context(), store, stream, "x"); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	written := make(chan struct{})
	for _, log := range signers {
		work.Go(func() {
			for done := false; !done; {
				select {
				case <-written:
					done = true
				default:
				}
				_, _, err := log.Sign(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				report, err := log.Verify(t.Context(), eventstore.Verifying{})
				if err != nil || !report.Valid {
					t.Errorf("%v %+v", err, report.Findings)
					return
				}
			}
		})
	}
	writers.Wait()
	close(written)
	work.Wait()
	report := mustVerify(t, signers[0])
	require.True(t, report.Valid)
	require.EqualValues(t, 8*40*4, report.Events)
	require.EqualValues(t, 8*40*4, report.Size)
	require.EqualValues(t, 8*40, report.Streams)
}

// interrupted lets something happen whenever it is asked what it saw.
type interrupted struct {
	eventstore.Witness
	by func()
}

func (w interrupted) Last() (string, error) {
	w.by()
	return w.Witness.Last()
}

// A head that is signed while a verification begins covers no more than that looks at.
func TestAHeadSignedMeanwhileIsNoCut(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, log := open(t, pool, eventstore.Options{}), signedLog(t, pool)
	fillFast(t, s, org, 20)
	mustSign(t, log)
	verified := *log
	verified.Witness = interrupted{log.Witness, func() {
		fillFast(t, s, org, 20)
		mustSign(t, log)
	}}
	for n := range 3 {
		report := mustVerify(t, &verified)
		require.True(t, report.Valid, "%+v", report.Findings)
		require.EqualValues(t, 40+20*n, report.Size)
	}
}

// An export ends with the head it was signed with, however much is appended while it is written.
func TestAnExportHoldsNothingUnsigned(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, log := open(t, pool, eventstore.Options{}), signedLog(t, pool)
	fillFast(t, s, org, 4100)
	var file bytes.Buffer
	done, err := log.Export(t.Context(), &file, func(int64, int64) { fillFast(t, s, org, 10) })
	require.NoError(t, err)
	require.Equal(t, done.Size, done.Events)
	export, err := eventstore.OpenExport(&file)
	require.NoError(t, err)
	require.Equal(t, done.Events, export.Events)
	report, err := export.Verify(log.Signer.HeadKey, nil, nil)
	require.NoError(t, err)
	require.True(t, report.Valid, "%+v", report.Findings)
	require.Zero(t, report.Unsigned)
	require.Greater(t, number(t, pool, `SELECT count(*) FROM events`), int(done.Events))
}

func TestAnOrganizationVerifiesItsOwnEvents(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, log := open(t, pool, eventstore.Options{}), signedLog(t, pool)
	theirs := newID()
	streams := fill(t, s, 5, fresh(), eventstore.Stream{Org: theirs, ID: newID()})
	mustSign(t, log)
	fill(t, s, 1, streams...)
	ours := eventstore.Verifying{Org: org}
	report := mustVerify(t, log, ours)
	require.True(t, report.Valid, "%+v", report.Findings)
	require.EqualValues(t, 6, report.Events)
	require.EqualValues(t, 1, report.Streams)
	require.EqualValues(t, 1, report.Unsigned)

	exec(t, pool, `ALTER TABLE events DISABLE TRIGGER ALL`)
	exec(t, pool, `UPDATE events SET data = '{"text":"other"}' WHERE position = 4`)
	require.True(t, mustVerify(t, log, ours).Valid, "what was done to others is theirs to know")
	require.Equal(t, eventstore.EventChanged, mustVerify(t, log, eventstore.Verifying{Org: theirs}).FirstBad.Kind)
	exec(t, pool, `UPDATE events SET org_id = gen_random_uuid() WHERE position = 3`)
	require.Equal(t, eventstore.EventRemoved, mustVerify(t, log, ours).FirstBad.Kind)
	exec(t, pool, `UPDATE log_entries SET entries = set_byte(entries, 50, get_byte(entries, 50) # 1)`)
	require.Equal(t, eventstore.HeadMismatch, mustVerify(t, log, ours).FirstBad.Kind)
	log.Witness = &keptInMemory{note: log.Witness.(*keptInMemory).note}
	exec(t, pool, `DELETE FROM signed_heads`)
	exec(t, pool, `DELETE FROM log_entries`)
	require.Equal(t, eventstore.HeadMismatch, mustVerify(t, log, ours).FirstBad.Kind)
}

func TestStoredHashesAreVerified(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		`UPDATE log_hashes SET hash = sha256('x') WHERE level = 9`,
		`DELETE FROM log_hashes WHERE n = 1`,
		`INSERT INTO log_hashes VALUES (1, 0, sha256('x'))`,
		`UPDATE log_hashes SET level = -1 WHERE level = 9`,
	} {
		pool := database(t)
		log := signedLog(t, pool)
		fillFast(t, open(t, pool, eventstore.Options{}), org, 1030)
		mustSign(t, log)
		exec(t, pool, sql)
		report := mustVerify(t, log)
		require.Len(t, report.Findings, 1, sql)
		require.Equal(t, eventstore.HashesChanged, report.FirstBad.Kind)
	}
}

func TestAFollowerBeyondTheEndTellsOfACut(t *testing.T) {
	t.Parallel()
	x := tamperedWith(t)
	x.exec(`CREATE TABLE things (id uuid PRIMARY KEY, version int NOT NULL)`)
	x.exec(`INSERT INTO things SELECT stream_id, max(version) FROM events GROUP BY stream_id`)
	x.exec(`INSERT INTO checkpoints VALUES ('search', 24), ('mail', 22)`)
	what := eventstore.Verifying{Rows: []string{"things"}}
	require.Empty(t, x.found(what))
	x.exec(`DELETE FROM events WHERE position > 19`)
	require.Equal(t, []string{"log_cut @20-24 x5", "stream_cut a8", "stream_cut b7 x2", "stream_cut c7 x2"}, sorted(x.found(what)))
	x.exec(`DELETE FROM events WHERE position > 15`)
	require.Equal(t, []string{"log_cut @16-18 x3", "log_cut @19-24 x6", "stream_cut a7 x2", "stream_cut b7 x2", "stream_cut c7 x2"}, sorted(x.found(what)))

	id := newID()
	x.exec(`INSERT INTO things VALUES ($1, 3)`, [16]byte(id))
	report := mustVerify(t, x.log, what)
	dropped := slices.IndexFunc(report.Findings, func(f eventstore.Finding) bool { return f.Kind == eventstore.StreamDropped })
	require.Equal(t, &id, report.Findings[dropped].Stream)
	require.EqualValues(t, 3, report.Findings[dropped].Count)

	_, err := x.log.Verify(t.Context(), eventstore.Verifying{Rows: []string{"nothing"}})
	require.ErrorContains(t, err, "nothing")
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

func TestInclusionIsProved(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, log := open(t, pool, eventstore.Options{}), signedLog(t, pool)
	stream := fill(t, s, 3, fresh())[0]
	for _, more := range []int{0, 1, 255, 300, 513} {
		fillFast(t, s, org, more)
		stream = mustAppend(t, s, stream, "more")
		if more != 300 { // then there is nothing signed yet
			mustSign(t, log)
		}
		p, err := log.Prove(t.Context(), org, stream.ID)
		require.NoError(t, err)
		require.Equal(t, stream.Position(), p.Leaf.Position)
		require.Equal(t, stream.Version(), p.Leaf.Version)
		require.NoError(t, tlog.CheckRecord(p.Path, p.Head.Size, p.Head.Root, p.Index, tlog.RecordHash([]byte(p.Leaf.Line()))))
	}
	var last eventstore.Raw
	require.NoError(t, log.Stream(t.Context(), org, stream.ID, func(r eventstore.Raw) error {
		require.Equal(t, last.Hash, r.Prev)
		last = r
		return nil
	}))
	require.Equal(t, stream.Events[len(stream.Events)-1].Hash, last.Hash)
	require.ErrorIs(t, log.Stream(t.Context(), org, stream.ID, func(eventstore.Raw) error { return io.EOF }), io.EOF)

	_, err := log.Prove(t.Context(), newID(), stream.ID)
	require.ErrorIs(t, err, eventstore.ErrNoEvents)
	require.ErrorIs(t, log.Stream(t.Context(), newID(), stream.ID, nil), eventstore.ErrNoEvents)
	for _, sql := range []string{
		`UPDATE log_entries SET entries = set_byte(entries, 50, get_byte(entries, 50) # 1)`,
		`UPDATE log_entries SET entries = set_byte(entries, octet_length(entries) - 70, 1)`,
		`DELETE FROM log_hashes WHERE level = 8 AND n = 0`,
		`DELETE FROM log_entries`,
	} {
		exec(t, pool, sql)
		_, err := log.Prove(t.Context(), org, stream.ID)
		require.ErrorIs(t, err, eventstore.ErrSignedLog, sql)
	}
}

func TestAVerificationThatIsGivenUpIsAnError(t *testing.T) {
	t.Parallel()
	pool := database(t)
	fillFast(t, open(t, pool, eventstore.Options{}), org, 5000)
	log := signedLog(t, pool)
	mustSign(t, log)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := log.Verify(ctx, eventstore.Verifying{Progress: func(int64, int64) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}

// A table that is not there stands for whatever a database may refuse.
func TestWhatTheDatabaseRefusesIsAnError(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"signed_heads", "log_entries", "log_hashes", "events", "checkpoints"} {
		pool := database(t)
		s := open(t, pool, eventstore.Options{})
		stream := fresh()
		fillFast(t, s, org, 600)
		stream = mustAppend(t, s, stream, "x")
		log := signedLog(t, pool)
		mustSign(t, log)
		s.Close()
		exec(t, pool, `ALTER TABLE `+table+` RENAME TO gone`)
		_, err := log.Verify(t.Context(), eventstore.Verifying{})
		require.ErrorContains(t, err, table)
		if table == "checkpoints" {
			continue
		}
		_, err = log.Prove(t.Context(), org, stream.ID)
		require.ErrorContains(t, err, table)
		_, _, err = log.Sign(t.Context())
		require.ErrorContains(t, err, table)
		_, err = log.Export(t.Context(), io.Discard, nil)
		require.ErrorContains(t, err, table)
	}
}
