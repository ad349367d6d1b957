package http

import (
	"testing"

	"ticketd/adapters/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }
