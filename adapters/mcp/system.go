package mcp

import (
	"context"
	"maps"
	"slices"
)

func (s *Server) systemTools() {
	add(s, description{
		name: "get_system_health", title: "How the service is",
		text: "Says whether the service works, and what does not.",
	}, s.systemHealth)
}

// SystemHealth is how the service is.
type SystemHealth struct {
	Status   string        `json:"status" enum:"healthy,degraded"`
	Database string        `json:"database" enum:"connected,unreachable"`
	Problems []PartProblem `json:"problems" doc:"What does not work; empty when all does."`
	Version  string        `json:"version"`
}

// PartProblem is a part of the service that does not work.
type PartProblem struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

func (s *Server) systemHealth(ctx context.Context, _ call, _ struct{}) (SystemHealth, error) {
	health := SystemHealth{Status: "healthy", Database: "connected", Problems: []PartProblem{}, Version: s.config.Version}
	if err := s.Probes.Database(ctx); err != nil {
		health.Database = "unreachable"
	}
	missing := s.Probes.Ready(ctx)
	for _, part := range slices.Sorted(maps.Keys(missing)) {
		health.Problems = append(health.Problems, PartProblem{Part: part, Reason: missing[part]})
	}
	if len(missing) > 0 || health.Database != "connected" {
		health.Status = "degraded"
	}
	return health, nil
}
