package domain

import "iter"

// Chain is a list that grows without changing: And answers a longer one that shares the rest. So a state can remember
// a thousand entries, each costs the same to add, and no earlier state changes with a later one. The zero Chain is empty.
type Chain[T any] struct{ last *link[T] }

type link[T any] struct {
	value   T
	earlier *link[T]
}

// And answers the chain with one more value.
func (c Chain[T]) And(value T) Chain[T] { return Chain[T]{&link[T]{value, c.last}} }

// Backward goes through the values, the latest first.
func (c Chain[T]) Backward() iter.Seq[T] {
	return func(yield func(T) bool) {
		for l := c.last; l != nil && yield(l.value); l = l.earlier {
		}
	}
}
