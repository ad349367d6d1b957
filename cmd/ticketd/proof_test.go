package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// signNow signs what there is, as the next minute would.
func (i *instance) signNow() eventstore.Head {
	i.t.Helper()
	require.NoError(i.t, i.sign(i.t.Context()))
	head, err := i.signedLog.Latest(i.t.Context())
	require.NoError(i.t, err)
	return head
}

func (i *instance) exec(sql string, args ...any) {
	i.t.Helper()
	_, err := i.pool.Exec(i.t.Context(), sql, args...)
	require.NoError(i.t, err)
}

// snippet answers the nth block of code of a language on the page that tells how to check a proof.
func snippet(t *testing.T, language string, nth int) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "proof.md"))
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```"+language+"\n")
	require.Greater(t, len(blocks), nth+1)
	code, _, _ := strings.Cut(blocks[nth+1], "```")
	return code
}

// What docs/proof.md says is run as it stands there.
func TestATicketIsProvedWithoutOurProgram(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"python3", "openssl", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("the instructions need " + tool + ", which this machine has not")
		}
	}
	i := boot(t)
	ann := i.founder("ann")
	for range 5 {
		ann.ticket()
	}
	made := ann.ticket(object{"title": "Naïve “printer”   <&>"})
	ann.patch("/api/v1/tickets/"+made.id(), object{"priority": "high"})
	proof := ann.get("/api/v1/audit/tickets/" + made.id() + "/proof")
	ann.post("/api/v1/tickets/"+made.id()+"/comments", object{"content": "After the proof."})
	ann.ticket()
	events := ann.get("/api/v1/audit/tickets/" + made.id() + "/events")
	require.Equal(t, "application/x-ndjson", events.header.Get("Content-Type"))
	require.Len(t, strings.Split(strings.TrimSpace(string(events.raw)), "\n"), 3)
	require.NotContains(t, string(events.raw), "printer", "what people wrote is sealed")

	check := func(proof, events []byte) (string, error) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "proof.json"), proof, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "events.ndjson"), events, 0o600))
		python := exec.CommandContext(t.Context(), "python3", "-c", snippet(t, "python", 0))
		python.Dir = dir
		if said, err := python.CombinedOutput(); err != nil {
			return string(said), err
		}
		openssl := exec.CommandContext(t.Context(), "sh", "-c", snippet(t, "sh", 1))
		openssl.Dir = dir
		said, err := openssl.CombinedOutput()
		return string(said), err
	}
	said, err := check(proof.raw, events.raw)
	require.NoError(t, err, said)
	for name, forged := range map[string][2][]byte{
		"the event":     {proof.raw, bytes.Replace(events.raw, []byte(`ticket.`), []byte(`Ticket.`), 1)},
		"the size":      {bytes.Replace(proof.raw, []byte(`"size":`), []byte(`"size":1`), 1), events.raw},
		"the index":     {bytes.Replace(proof.raw, []byte(`"index":`), []byte(`"index":1`), 1), events.raw},
		"the head":      {bytes.Replace(proof.raw, []byte(`position `), []byte(`position 1`), 1), events.raw},
		"the last line": {proof.raw, events.raw[:bytes.IndexByte(events.raw, '\n')+1]},
	} {
		said, err := check(forged[0], forged[1])
		require.Error(t, err, "%s was forged: %s", name, said)
	}
}

func TestAnAuditorVerifiesTheirOrganization(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ann, bob := i.founder("ann"), i.founder("bob")
	made := ann.ticket()
	gone := ann.ticket()
	ann.do(204, "DELETE", "/api/v1/tickets/"+gone.id(), nil)
	bob.ticket()
	auditor, support := ann.colleague("auditor"), ann.colleague("support")
	head := i.signNow()

	key := i.nobody().get("/api/v1/audit/key").object()
	require.Equal(t, i.signedLog.Signer.String(), key["public_key"])
	require.Contains(t, key["pem"], "BEGIN PUBLIC KEY")
	require.Equal(t, head.Note, auditor.get("/api/v1/audit/head").text("head"))
	report := auditor.get("/api/v1/audit/verify").object()
	require.Equal(t, true, report["valid"], "%v", report)
	require.Nil(t, report["first_bad"])
	require.Equal(t, head.Note, report["head"])
	for _, path := range []string{"verify", "head", "tickets/" + made.id() + "/proof", "tickets/" + made.id() + "/events"} {
		support.do(403, "GET", "/api/v1/audit/"+path, nil)
		i.nobody().do(401, "GET", "/api/v1/audit/"+path, nil)
	}
	for _, path := range []string{"/proof", "/events"} {
		auditor.get("/api/v1/audit/tickets/" + made.text("number") + path)
		auditor.get("/api/v1/audit/tickets/" + gone.id() + path)
		bob.do(404, "GET", "/api/v1/audit/tickets/"+made.id()+path, nil)
		for _, nothing := range []string{uuid.NewString(), auditor.user, "77", "x"} {
			auditor.do(404, "GET", "/api/v1/audit/tickets/"+nothing+path, nil)
		}
	}

	i.exec(`ALTER TABLE events DISABLE TRIGGER ALL`)
	i.exec(`UPDATE events SET metadata = '{"v":1,"actor":{"type":"system"},"command":""}' WHERE stream_id = $1 AND version = 1`, made.id())
	require.Equal(t, true, bob.get("/api/v1/audit/verify").object()["valid"], "it is none of theirs")
	report = auditor.get("/api/v1/audit/verify").object()
	require.Equal(t, false, report["valid"])
	bad, _ := report["first_bad"].(object)
	require.Equal(t, "event_changed", bad["kind"])
	require.Equal(t, made.id(), bad["stream"])
	require.EqualValues(t, 1, bad["version"])

	i.exec(`UPDATE log_entries SET entries = set_byte(entries, 50, get_byte(entries, 50) # 1)`)
	require.Equal(t, "urn:ticketd:problem:signed_log_broken", auditor.do(409, "GET", "/api/v1/audit/tickets/"+made.id()+"/proof", nil).text("type"))
	i.exec(`DELETE FROM signed_heads`)
	auditor.do(404, "GET", "/api/v1/audit/head", nil)
}

func TestABrokenLogIsNotSignedAndReadySaysSo(t *testing.T) {
	t.Parallel()
	i := boot(t)
	i.noisy = true
	ann := i.founder("ann")
	i.signNow()
	i.exec(`UPDATE log_entries SET entries = set_byte(entries, 50, get_byte(entries, 50) # 1)`)
	ann.ticket()
	i.keepSigning(t.Context()) // ends by itself
	require.Contains(t, string(i.nobody().do(503, "GET", "/ready", nil).raw), "signed log")
	i.halt()
	require.Contains(t, i.log.String(), "the log is not what was signed")
}

func TestTheLastHeadCoversEverything(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	i := launch(t, c)
	i.founder("ann").ticket()
	i.halt()
	again := launch(t, c)
	head, err := again.signedLog.Latest(t.Context())
	require.NoError(t, err)
	last, err := again.store.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, last, head.Position)
	kept, err := again.signedLog.Witness.Last()
	require.NoError(t, err)
	require.Equal(t, head.Note, kept)
	require.NoError(t, os.Remove(witnessFile(c).path))
	require.NoError(t, os.Mkdir(witnessFile(c).path, 0o700))
	_, err = again.signedLog.Witness.Last()
	require.ErrorContains(t, err, "read the signed head")
	require.ErrorContains(t, again.signedLog.Witness.Keep("x"), "keep the signed head")
	require.NoError(t, os.Remove(witnessFile(c).path))
	require.ErrorContains(t, witness{filepath.Join(c.DataDir, "no", "where")}.Keep("x"), "keep the signed head")
	require.Equal(t, "signed_head", filepath.Base(witnessFile(config{}).path))
}

// A verification may take minutes, and a program that stops has seconds.
func TestAStopEndsAVerificationAndSignsTheEnd(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	i := launch(t, c)
	ann := i.founder("ann")
	ann.ticket()
	i.signNow()
	ann.ticket()
	hold, err := i.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = hold.Exec(t.Context(), `LOCK TABLE log_entries`)
	require.NoError(t, err)
	asked := make(chan answer, 1)
	go func() {
		a, err := ann.try("GET", "/api/v1/audit/verify", nil)
		assert.NoError(t, err)
		asked <- a
	}()
	eventually(t, func() bool {
		var waiting bool
		require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'log_entries'::regclass AND NOT granted)`).Scan(&waiting))
		return waiting
	})
	i.stop()
	eventually(t, i.draining.Load)
	i.http.EndStreams() // as Shutdown does, sooner or later
	require.NoError(t, hold.Rollback(t.Context()))
	a := <-asked
	require.Equal(t, 503, a.status, "%s", a.raw)
	require.Equal(t, "urn:ticketd:problem:stopping", a.text("type"))
	require.Equal(t, "5", a.header.Get("Retry-After"))
	i.halt()
	requireAllSigned(t, c)
}

// requireAllSigned looks into the database of a program that has stopped.
func requireAllSigned(t *testing.T, c config) {
	t.Helper()
	p := tool(t, c)
	head, err := p.signedLog.Latest(t.Context())
	require.NoError(t, err)
	last, err := p.store.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, last, head.Position)
}

// The tools, with the program's own functions: what a terminal adds is flags.
func TestTheLogIsExportedAndVerifiedByCommands(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ann := i.founder("ann")
	made := ann.ticket(object{"title": "The words of a person"})
	file := filepath.Join(t.TempDir(), "log.ndjson")
	var progress bytes.Buffer
	require.NoError(t, i.exportFile(t.Context(), file, &progress))
	require.Contains(t, progress.String(), "events, ")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "The words of a person")
	var streamed bytes.Buffer
	require.NoError(t, i.export(t.Context(), &streamed, io.Discard))

	key := i.signedLog.Signer.String()
	verify := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := command()
		root.SetArgs(append([]string{"verify"}, args...))
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetIn(bytes.NewReader(text))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	said, err := verify(file, "--key", key)
	require.NoError(t, err, said)
	require.Contains(t, said, "\nvalid: ")
	require.NotContains(t, said, "believing")
	said, err = verify("-")
	require.NoError(t, err)
	require.Contains(t, said, "No --key was given")
	head := i.signNow()
	kept := filepath.Join(t.TempDir(), "head")
	require.NoError(t, os.WriteFile(kept, []byte(head.Note), 0o600))
	_, err = verify(file, "--key", key, "--head", kept)
	require.NoError(t, err)
	for _, wrong := range [][]string{
		{"/nowhere"}, {kept}, {file, "--key", "no key"}, {file, "--head", "/nowhere"}, {file, "--head", file}, {"--key", key},
	} {
		_, err = verify(wrong...)
		require.Error(t, err, "%v", wrong)
		require.NotErrorIs(t, err, errNotValid)
	}
	require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte(`"type":"ticket.opened"`), []byte(`"type":"ticket.closed"`), 1), 0o600))
	said, err = verify(file, "--key", key)
	require.ErrorIs(t, err, errNotValid)
	require.Contains(t, said, "event_changed  position ")
	require.Contains(t, said, "stream "+made.id()+" version 1: ")
	require.Contains(t, said, "NOT VALID")

	var out bytes.Buffer
	require.NoError(t, i.verify(t.Context(), verifyFlags{heads: []string{kept}, json: true}, &out, io.Discard))
	var report eventstore.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	require.True(t, report.Valid)
	require.Error(t, i.verify(t.Context(), verifyFlags{heads: []string{"/nowhere"}}, &out, io.Discard))
	i.exec(`ALTER TABLE events DISABLE TRIGGER ALL`)
	i.exec(`DELETE FROM events WHERE position > (SELECT min(position) FROM events)`)
	require.ErrorIs(t, i.verify(t.Context(), verifyFlags{}, &out, io.Discard), errNotValid)
	require.Contains(t, out.String(), "log_cut  positions ")
	require.ErrorIs(t, i.exportFile(t.Context(), "/nowhere/file", io.Discard), fs.ErrNotExist)
	i.exec(`UPDATE log_entries SET entries = set_byte(entries, 50, get_byte(entries, 50) # 1)`)
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	require.ErrorIs(t, i.exportFile(t.Context(), file, io.Discard), eventstore.ErrSignedLog)
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after, "what was exported before is still there")

	_, err = i.prove(t.Context(), ticket.ID{UUID: uuid.New()})
	require.ErrorContains(t, err, "there is no ticket")
}

// It changes the environment, which is the whole process'.
func TestTheToolsWorkFromATerminal(t *testing.T) {
	i := boot(t)
	made := i.founder("ann").ticket()
	t.Setenv("DATABASE_URL", i.config.DatabaseURL)
	t.Setenv("DATA_DIR", i.config.DataDir)
	t.Setenv("LOG_LEVEL", "error")
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := command()
		root.SetArgs(args)
		root.SetOut(&out)
		root.SetErr(io.Discard)
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	key, err := run("key")
	require.NoError(t, err)
	require.Equal(t, i.signedLog.Signer.String()+"\n\n"+i.signedLog.Signer.PEM(), key)
	proved, err := run("proof", made.id())
	require.NoError(t, err)
	var proof struct{ Ticket object }
	require.NoError(t, json.Unmarshal([]byte(proved), &proof))
	require.Equal(t, made.id(), proof.Ticket["id"])
	_, err = run("proof", "42")
	require.ErrorContains(t, err, "no id of a ticket")
	_, err = run("proof", uuid.NewString())
	require.ErrorContains(t, err, "there is no ticket")
	log, err := run("export")
	require.NoError(t, err)
	require.Contains(t, log, `{"end":{`)
	file := filepath.Join(t.TempDir(), "log.ndjson")
	_, err = run("export", file)
	require.NoError(t, err)
	said, err := run("verify", file)
	require.NoError(t, err)
	require.Contains(t, said, "valid: ")
	said, err = run("verify")
	require.NoError(t, err)
	require.Contains(t, said, "valid: ")
	t.Setenv("ENCRYPTION_KEY", "short")
	for _, command := range []string{"key", "verify"} {
		_, err = run(command)
		require.ErrorContains(t, err, "ENCRYPTION_KEY")
	}
}
