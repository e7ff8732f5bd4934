// Package browser lets tests look at pages as a person would: in a real Chromium.
//
// A Tab has a size, a language, a colour scheme and scripts or none. What a
// page may not do is collected while the test walks: errors in the console,
// reports of the content security policy, requests to another origin. Axe
// holds what is shown against WCAG 2.2 with axe-core (folder axe, unmodified,
// MPL-2.0), in a world of its own that the page's policy does not reach.
//
// It is for tests only; a missing Chromium skips, and fails in CI.
package browser
