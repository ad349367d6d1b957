package projections_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/projections"
)

// openings are the facts that a stream of each noun begins with.
var openings = map[string]string{
	"ticket": "ticket.opened", "user": "user.registered", "organization": "organization.founded", "file": "file.uploaded",
	"agent_config": "agent_config.adopted", "article": "article.written", "thread": "thread.started", "agent_run": "agent_run.started", "backtest": "backtest.started",
	"webhook":     "webhook.subscribed",
	"integration": "integration.connected",
	"sync":        "sync.started",
	"delivery":    "delivery.begun",
}

// histories are told besides the opening of each noun followed by each of its events.
var histories = map[string][]string{
	"invited":          {"user.invited", "user.joined", "user.role_changed"},
	"tokens":           {"user.registered", "user.token_created", "user.token_renamed", "user.token_revoked"},
	"token of removed": {"user.registered", "user.token_created", "user.removed"},
	"talk":             {"ticket.opened", "ticket.commented", "ticket.commented", "ticket.edited", "ticket.summarized"},
	"files":            {"ticket.opened", "ticket.attached", "ticket.detached"},
	"infected":         {"file.upload_started", "file.quarantined", "file.deleted"},
	"never arrived":    {"file.upload_started", "file.upload_refused"},
	"read":             {"file.upload_started", "file.uploaded", "file.stage_started", "file.stage_progressed", "file.stage_completed", "file.processed"},
	"read again":       {"file.uploaded", "file.stage_started", "file.stage_failed", "file.stage_skipped", "file.processing_requested"},
	"erased in flight": {"file.upload_started", "file.words_erased"},
	"given away":       {"ticket.opened", "ticket.assigned", "ticket.unassigned", "ticket.deleted"},
	"rule renamed":     {"organization.founded", "organization.retention_set", "organization.renamed"},
	"taken back":       {"agent_config.adopted", "agent_config.changed", "agent_config.rolled_back"},
	"out of date":      {"article.written", "article.revised", "article.deleted"},
	"a conversation":   {"thread.started", "thread.message_added", "thread.replied", "thread.renamed", "thread.message_added", "thread.reply_failed", "thread.deleted"},
	"forgotten":        {"thread.started", "thread.message_added", "thread.words_erased"},
	"a good run":       {"agent_run.started", "agent_run.provider_failed", "agent_run.model_asked", "agent_run.tool_called", "agent_run.model_asked", "agent_run.completed", "agent_run.words_erased"},
	"a bad run":        {"agent_run.started", "agent_run.model_asked", "agent_run.failed"},
	"a whole trial":    {"backtest.started", "backtest.judged", "backtest.judged", "backtest.completed"},
	"tried beside":     {"agent_config.adopted", "agent_config.shadow_set", "agent_config.changed", "agent_config.shadow_cleared"},
	"good for a while": {"integration.connected", "integration.checked", "integration.synced", "integration.expired", "integration.credentials_set", "integration.disabled", "integration.disconnected"},
	"held back":        {"integration.connected", "integration.checked", "integration.suspended", "integration.enabled", "integration.changed"},
	"sent somewhere":   {"webhook.subscribed", "webhook.paused", "webhook.changed", "webhook.resumed", "webhook.secret_rotated", "webhook.replayed"},
	"sent no more":     {"webhook.subscribed", "webhook.secret_rotated", "webhook.secret_rotated", "webhook.deleted"},
	"delivered":        {"delivery.begun", "delivery.attempted", "delivery.done", "delivery.attempted", "delivery.failed"},
	"quoted nobody":    {"delivery.begun", "delivery.attempted", "delivery.parked", "delivery.words_erased", "delivery.released"},
	"sent again":       {"delivery.begun", "delivery.attempted", "delivery.parked", "delivery.retried", "delivery.held"},
	"given up":         {"delivery.begun", "delivery.attempted", "delivery.failed", "delivery.rerouted", "delivery.ended", "delivery.begun"},
	"lives elsewhere":  {"ticket.opened", "ticket.routed", "ticket.delivery_noted", "ticket.commented.v3"},
	"both sides equal": {"sync.started", "sync.looked", "sync.progressed", "sync.ended"},
	"sorted by rules":  {"ticket.opened", "ticket.categorized", "ticket.corrected", "ticket.edited"},
}

// The same events must give the same rows for ever, or the program must know that its tables are of yesterday. These are
// the rows of the catalog's golden events; testdata keeps them with the code that made them.
func TestRowsChangeOnlyWithTheirCode(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	told := o.tell()
	o.run(o.list...)
	for _, p := range o.list {
		path := filepath.Join("testdata", p.Name+".golden")
		code, golden := readGolden(t, path)
		rows := o.rowsOf(p, told)
		require.NotEmpty(t, rows, "%s: no golden event makes a row", p.Name)
		if code == p.Code {
			for history, want := range golden {
				require.Equal(t, want, rows[history],
					"%s: the same events give other rows than before. Raise the Code of its Projection, then run make golden.", p.Name)
			}
		}
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, writeGolden(p.Code, rows), 0o644))
			continue
		}
		require.Equal(t, code, p.Code, "%s: make golden writes the rows of the new code", p.Name)
		require.Equal(t, golden, rows, "%s: make golden adds the rows of new events", p.Name)
	}
}

// tell writes all histories into the log, and answers which stream is whose.
func (o office) tell() map[string]string {
	o.Helper()
	all := maps.Clone(histories)
	for noun, opening := range openings {
		paths, err := filepath.Glob("../eventstore/catalog/testdata/" + noun + ".*.json")
		require.NoError(o, err)
		require.NotEmpty(o, paths)
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), ".json")
			all["only "+name] = []string{opening, name}
		}
	}
	for _, noun := range o.nouns() {
		require.Contains(o, openings, noun, "say what a stream of this noun begins with")
	}
	told := map[string]string{}
	for history, events := range all {
		stream := uuid.NewSHA1(uuid.NameSpaceOID, []byte(history))
		told[stream.String()] = history
		for i, name := range events {
			file, version := name, "1"
			if before, after, ok := strings.Cut(name, ".v"); ok {
				file, version = before, after
			}
			data, err := os.ReadFile(fmt.Sprintf("../eventstore/catalog/testdata/%s.v%s.json", file, version))
			require.NoError(o, err)
			// Every golden event is about the same person; here each stream is about one of its own.
			own := strings.ReplaceAll(string(data), uuid.NewSHA1(uuid.NameSpaceOID, []byte("UserID")).String(), stream.String())
			_, err = o.pool.Exec(o.Context(), `
				INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
				VALUES ($1::uuid, $2::int, $1::uuid, $3, $4, format('{"v":%s,"actor":{"type":"user"},"command":"x"}', $5::text)::json,
					timestamptz '2026-01-02 03:04:05.678901+00' + $2 * interval '1 hour', '', sha256(convert_to($1::uuid::text || $2, 'UTF8')))`,
				stream, i+1, file, own, version)
			require.NoError(o, err)
		}
	}
	return told
}

func (o office) nouns() []string {
	var nouns []string
	for _, p := range o.list {
		nouns = append(nouns, p.Nouns...)
	}
	return nouns
}

// rowsOf answers the rows of a table by the history that made them.
func (o office) rowsOf(p projections.Projection, told map[string]string) map[string]string {
	o.Helper()
	byHistory := map[string]string{}
	err := pgx.BeginFunc(o.Context(), o.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(o.Context(), `SET LOCAL timezone = 'UTC'`); err != nil {
			return err
		}
		rows, err := tx.Query(o.Context(), fmt.Sprintf(`SELECT %s::text, t::text FROM %s t ORDER BY 1, 2`, p.Key, p.Name))
		if err != nil {
			return err
		}
		var stream, row string
		_, err = pgx.ForEachRow(rows, []any{&stream, &row}, func() error {
			require.NotContains(o, row, "\n")
			byHistory[told[stream]] += row + " "
			return nil
		})
		return err
	})
	require.NoError(o, err)
	return byHistory
}

func writeGolden(code int, rows map[string]string) []byte {
	text := fmt.Sprintf("code %d\n", code)
	for _, history := range slices.Sorted(maps.Keys(rows)) {
		text += history + ": " + rows[history] + "\n"
	}
	return []byte(text)
}

func readGolden(t *testing.T, path string) (code int, rows map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return 0, nil
	}
	require.NoError(t, err)
	rows = map[string]string{}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if i == 0 {
			_, err := fmt.Sscanf(line, "code %d", &code)
			require.NoError(t, err, path)
			continue
		}
		history, of, _ := strings.Cut(line, ": ")
		rows[history] = of
	}
	return code, rows
}
