package ops

// Tests of the answers need a server, and see these of the package.
type (
	LookupBody   = lookup
	OverviewBody = overview
	LetterPage   = letterPage
	LetterBody   = letterBody
	Replayed     = replayedBody
	Place        = place
	TopicsBody   = topicsBody
	RecordsBody  = recordsBody
)

const (
	JournalsAtOnce        = journalsAtOnce
	MaxJournalSteps       = maxJournalSteps
	MaxReplay             = maxReplay
	MaxOverviewGroups     = maxOverviewGroups
	MaxOverviewPartitions = maxOverviewPartitions
)
