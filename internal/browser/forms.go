package browser

// Untold returns what is missing where a page shows a form again: the error in
// the title, links that lead to fields, fields that name their messages.
func (tab *Tab) Untold() (missing []string) {
	tab.t.Helper()
	tab.do("look at the errors", tab.eval(`(() => {
const out = [], box = document.querySelector(".errors[autofocus]"), gone = id => !document.getElementById(id);
for (const f of document.querySelectorAll("[aria-invalid]"))
  if (!(f.getAttribute("aria-describedby") || "").split(" ").includes(f.id + "_error")) out.push("nothing describes the error of " + f.id);
for (const e of document.querySelectorAll("[aria-describedby]"))
  for (const id of e.getAttribute("aria-describedby").split(" ")) if (gone(id)) out.push("there is no " + id);
if (!box) return out;
if (!/^(Error:|خطا:) /.test(document.title)) out.push("the title does not begin with the error: " + document.title);
if (document.activeElement !== box) out.push("the list of errors has not the focus");
for (const a of box.querySelectorAll("a[href^='#']")) if (gone(a.hash.slice(1))) out.push(a.hash + " leads to nothing");
return out;
})()`, &missing))
	return missing
}
