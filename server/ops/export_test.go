package ops

// What the tests of the answers, which need a server, see of the package.
type (
	LookupBody   = lookup
	OverviewBody = overview
	LetterPage   = letterPage
	LetterBody   = letterBody
	Replayed     = replayedBody
	DeadLetters  = deadLetters
	Place        = place
)

const (
	JournalsAtOnce        = journalsAtOnce
	MaxJournalSteps       = maxJournalSteps
	MaxReplay             = maxReplay
	MaxOverviewGroups     = maxOverviewGroups
	MaxOverviewPartitions = maxOverviewPartitions
)
