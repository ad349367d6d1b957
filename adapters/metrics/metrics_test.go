package metrics_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/metrics"
	"ticketd/adapters/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestWhatIsCounted(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	m := metrics.New(pool)
	metrics.New(pool) // a second program in one process does not get in its way
	m.Request("GET", "/api/v1/tickets/:ticket_id", 200, 3*time.Millisecond)
	m.Request("GET", "/api/v1/tickets/:ticket_id", 200, 5*time.Millisecond)
	m.Request("BREW", "", 405, time.Millisecond)
	m.Request("SPILL", "", 405, time.Millisecond)
	m.Append(3, time.Millisecond)
	m.Append(1, time.Millisecond)
	open := 7.0
	m.Gauge("things_open", "Things that are open.", func() float64 { return open })
	m.Counter("things_total", "Things so far.", func() float64 { return 9 })
	scrape := func() string {
		t.Helper()
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		require.Equal(t, 200, answer.Code)
		return answer.Body.String()
	}
	for _, line := range []string{
		`ticketd_http_request_seconds_count{method="GET",route="/api/v1/tickets/:ticket_id",status="200"} 2`, `{method="other",route="",status="405"} 2`, "ticketd_commands_appended_total 4",
		"ticketd_lane_batch_size_sum 4", "ticketd_append_seconds_count 2", "things_open 7", "things_total 9", "# TYPE things_total counter", "# TYPE things_open gauge",
		"# HELP things_open Things that are open.", "go_goroutines",
	} {
		require.Contains(t, scrape(), line)
	}
	open = 8
	require.Contains(t, scrape(), "things_open 8", "asked when somebody looks")

	require.NotContains(t, scrape(), "ticketd_projection_lag_positions{")
	_, err := pool.Exec(t.Context(), `INSERT INTO checkpoints (name, position) VALUES ('search', 0)`)
	require.NoError(t, err)
	require.Contains(t, scrape(), `ticketd_projection_lag_positions{subscriber="search"} 0`)
	pool.Close()
	require.NotContains(t, scrape(), "ticketd_projection_lag_positions{", "no number is what an alert should see")
}
