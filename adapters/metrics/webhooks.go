package metrics

import "github.com/prometheus/client_golang/prometheus"

// Webhooks answers what counts the webhooks of vendors that came, by their platform and by what became of them. Both are words of ours:
// what a vendor sends never makes another label.
func (m *Metrics) Webhooks() func(platform, outcome string) {
	came := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ticketd_webhooks_total", Help: "Webhooks of vendors that came."}, []string{"platform", "outcome"})
	m.registry.MustRegister(came)
	return func(platform, outcome string) { came.WithLabelValues(platform, outcome).Inc() }
}
