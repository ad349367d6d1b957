package child_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/internal/child"
)

var roomy = child.Limits{Time: 20 * time.Second, CPU: 10 * time.Second, Memory: 1 << 30}

func TestAProgramGetsItsInputAndAnswersItsOutput(t *testing.T) {
	t.Parallel()
	out, err := child.Output(t.Context(), child.Command{Name: "cat", Stdin: strings.NewReader("a b"), Limits: roomy}, 100)
	require.NoError(t, err)
	require.Equal(t, "a b", string(out))
}

func TestAnArgumentIsNoShellCode(t *testing.T) {
	t.Parallel()
	out, err := child.Output(t.Context(), child.Command{Name: "printf", Args: []string{"%s|", "$(id)", "a b", ";ls"}, Limits: roomy}, 100)
	require.NoError(t, err)
	require.Equal(t, "$(id)|a b|;ls|", string(out))
}

func TestAProgramSeesItsFolderAndItsEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := child.Output(t.Context(), child.Command{Name: "sh", Args: []string{"-c", "pwd; echo $COLOUR"}, Dir: dir, Env: []string{"COLOUR=blue"}, Limits: roomy}, 1000)
	require.NoError(t, err)
	require.Contains(t, string(out), dir+"\nblue\n")
}

func TestOurSecretsAreNotTold(t *testing.T) {
	t.Setenv("ENCRYPTION_KEY", "secret")
	out, err := child.Output(t.Context(), child.Command{Name: "env", Limits: roomy}, 10_000)
	require.NoError(t, err)
	require.NotContains(t, string(out), "secret")
	require.Contains(t, string(out), "PATH=")
}

func TestAProgramThatIsNotInstalledSaysSo(t *testing.T) {
	t.Parallel()
	err := child.Run(t.Context(), child.Command{Name: "no-such-program", Limits: roomy})
	require.ErrorAs(t, err, new(*child.MissingError))
	require.EqualError(t, err, "no-such-program is not installed")
}

func TestAProgramThatHangsIsStoppedWithAllThatItStarted(t *testing.T) {
	t.Parallel()
	limits := roomy
	limits.Time = 100 * time.Millisecond
	began := time.Now()
	err := child.Run(t.Context(), child.Command{Name: "sh", Args: []string{"-c", "sleep 60 & sleep 60"}, Limits: limits})
	require.ErrorAs(t, err, new(*child.TimeoutError))
	require.EqualError(t, err, "sh was stopped after 100ms")
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestAProgramThatIsCalledOffEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := child.Run(ctx, child.Command{Name: "sleep", Args: []string{"60"}, Limits: roomy})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAProgramThatTurnsInCirclesMeetsTheLimitOfItsProcessor(t *testing.T) {
	t.Parallel()
	limits := roomy
	limits.CPU = time.Second
	err := child.Run(t.Context(), child.Command{Name: "sh", Args: []string{"-c", "while :; do :; done"}, Limits: limits})
	require.ErrorAs(t, err, new(*child.ExitError))
	require.Contains(t, err.Error(), "killed")
}

func TestAProgramThatEatsMemoryMeetsItsLimit(t *testing.T) {
	t.Parallel()
	limits := roomy
	limits.Memory = 200 << 20
	err := child.Run(t.Context(), child.Command{Name: "awk", Args: []string{`BEGIN { s = "x"; while (1) s = s s }`}, Limits: limits})
	require.ErrorAs(t, err, new(*child.ExitError))
}

func TestWhatAProgramComplainsAboutIsKept(t *testing.T) {
	t.Parallel()
	err := child.Run(t.Context(), child.Command{Name: "sh", Args: []string{"-c", "head -c 5000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3"}, Limits: roomy})
	require.ErrorContains(t, err, "exit status 3")
	require.True(t, strings.HasSuffix(err.Error(), "the end"))
	require.Less(t, len(err.Error()), 3000)
}

func TestTooMuchOutputIsNoAnswer(t *testing.T) {
	t.Parallel()
	_, err := child.Output(t.Context(), child.Command{Name: "head", Args: []string{"-c", "1000", "/dev/zero"}, Limits: roomy}, 999)
	require.EqualError(t, err, "head: wrote more than 999 bytes")
}
