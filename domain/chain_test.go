package domain_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

func TestAChainGrowsAndNeverChanges(t *testing.T) {
	t.Parallel()
	var none domain.Chain[int]
	one := none.And(1)
	two, other := one.And(2), one.And(3)
	require.Empty(t, slices.Collect(none.Backward()))
	require.Equal(t, []int{1}, slices.Collect(one.Backward()))
	require.Equal(t, []int{2, 1}, slices.Collect(two.Backward()))
	require.Equal(t, []int{3, 1}, slices.Collect(other.Backward()))
	for latest := range two.Backward() {
		require.Equal(t, 2, latest)
		break
	}
}
