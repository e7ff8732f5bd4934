package complaints

import "slices"

// Category says what a complaint is about.
type Category string

// Categories returns the closed list, in the order in which a form shows it.
func Categories() []Category {
	return []Category{
		"not_delivered", "late_delivery", "not_as_described", "refund", "charged_more",
		"no_after_sales_service", "no_invoice", "overpriced", "counterfeit", "other",
	}
}

// Known reports whether the category is of the list.
func (c Category) Known() bool { return slices.Contains(Categories(), c) }
