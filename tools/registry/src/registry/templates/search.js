// Shows of the index those entries that have every word of the query; the page is complete without this.
"use strict";
const query = document.getElementById("query");
const found = document.getElementById("found");
const all = found.textContent;
const entries = [...document.querySelectorAll(".found > li")].map((entry) => [entry, entry.textContent.toLowerCase()]);

function search() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const [entry, text] of entries) {
    entry.hidden = !words.every((word) => text.includes(word));
    count += !entry.hidden;
  }
  for (const section of document.querySelectorAll("main section")) {
    section.hidden = !section.querySelector("li:not([hidden])");
  }
  found.textContent = words.length ? `${count || "Nothing"} found.` : all;
}

query.value = new URLSearchParams(location.search).get("q") ?? "";
query.addEventListener("input", search);
search();
