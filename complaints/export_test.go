package complaints

// RowOf is what events come to for counting; false while nothing was served.
func RowOf(events []Event) (Row, bool) { return rowOf(events) }
