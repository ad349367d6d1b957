// Package metrics counts what the program does, for Prometheus.
package metrics

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics holds the program's counters. Each belongs to one registry, so that tests may run several programs.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	batches  prometheus.Histogram
	commits  prometheus.Counter
	append   prometheus.Histogram
}

// New registers the counters of one program.
func New(pool *pgxpool.Pool) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ticketd_http_request_seconds", Help: "Time to answer an HTTP request.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"method", "route", "status"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ticketd_lane_batch_size", Help: "Appends that shared a transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		commits: prometheus.NewCounter(prometheus.CounterOpts{Name: "ticketd_commands_appended_total", Help: "Commands whose events were handed to the log."}),
		append: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ticketd_append_seconds", Help: "Time of one transaction of the commit lane.", Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
	}
	m.registry.MustRegister(m.requests, m.batches, m.commits, m.append,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&lag{pool: pool, behind: prometheus.NewDesc("ticketd_projection_lag_positions", "How far a subscriber of the log is behind its head.", []string{"subscriber"}, nil)},
	)
	return m
}

// Request counts an answered request. Whoever makes up methods makes no labels of them: each would be kept for ever.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// Append counts a transaction of the commit lane.
func (m *Metrics) Append(appends int, took time.Duration) {
	m.batches.Observe(float64(appends))
	m.commits.Add(float64(appends))
	m.append.Observe(took.Seconds())
}

// Gauge exports a number that somebody else keeps.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter exports a number that somebody else keeps and that only rises.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// lag asks the database, when somebody looks, how far each subscriber is behind.
type lag struct {
	pool   *pgxpool.Pool
	behind *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (l *lag) Describe(ch chan<- *prometheus.Desc) { ch <- l.behind }

// Collect implements prometheus.Collector. Without an answer there is no number, which is what an alert should see.
func (l *lag) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) //nolint:forbidigo // prometheus hands over no context
	defer cancel()
	rows, err := l.pool.Query(ctx, `SELECT name, (SELECT coalesce(max(position), 0) FROM events) - position FROM checkpoints`)
	if err != nil {
		return
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var behind int64
		if rows.Scan(&name, &behind) == nil {
			ch <- prometheus.MustNewConstMetric(l.behind, prometheus.GaugeValue, float64(behind), name)
		}
	}
}
