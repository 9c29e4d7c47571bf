"""The style sheet of the report: one file, light and dark, paper to telephone."""

TONES = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --ink: #1b1f24; --muted: #5c6570; --grid: #d5dae0;
  --teacher: #4b5563; --student: #8a6d1d; --distilled: #1f6fd0; --pruned: #c2570c;
  --quantised: #8146b5; --packed: #0b7f5c; --executed: #c0266b; --other: #6b7683;
  --good: #0b7f5c; --bad: #c0392b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1e2329; --ink: #e8eaed; --muted: #a2abb6; --grid: #3a424c;
    --teacher: #b4bdc9; --student: #d9b64c; --distilled: #6aa9f5; --pruned: #f0914a;
    --quantised: #bd93e8; --packed: #3dc79a; --executed: #f078b0; --other: #95a0ad;
    --good: #3dc79a; --bad: #f0776a;
  }
}
"""
"""The colours of a page or a picture, by day and by night."""

CSS = (
    TONES
    + """* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.5rem 1.25rem 4rem;
  background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .35rem; }
h3 { font-size: 1rem; margin: 0; }
.lead { font-size: 1.1rem; margin: .35rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.1rem;
  margin: .9rem 0; font-size: .92rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: .35rem 0; padding-left: 1.2rem; max-width: 46rem; }
p { margin: .35rem 0; max-width: 46rem; }
.muted, figcaption, summary { color: var(--muted); }
.muted, figcaption { font-size: .9rem; }
.cards {
  display: grid; gap: .9rem; margin: 1.25rem 0 .5rem;
  grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
}
.card { background: var(--card); border-radius: .6rem; padding: .9rem 1.1rem; }
.card b { display: block; font-size: 2rem; line-height: 1.25; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .34rem .95rem .34rem 0; text-align: right; white-space: nowrap; }
th { color: var(--muted); font-weight: 500; font-size: .88rem; }
tr { border-bottom: 1px solid var(--grid); }
tbody tr:last-child { border-bottom: 0; }
.text { text-align: left; }
.wrap { white-space: normal; min-width: 12rem; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--page); }
td:first-child { font-weight: 600; }
.word { border: 1px solid var(--grid); border-radius: 1rem; padding: .05rem .55rem;
  font-size: .85rem; white-space: nowrap; }
.rule td { border-top: 2px solid var(--muted); }
.good { color: var(--good); } .bad { color: var(--bad); }
[title] { text-decoration: underline dotted var(--muted); cursor: help;
  text-underline-offset: .2em; }
.matrix table { font-size: .85rem; border-spacing: 0; }
.matrix td, .matrix th { padding: .1rem .1rem; text-align: center; }
.matrix .text { text-align: right; padding-right: .5rem; }
.matrix i { display: block; min-width: 2rem; padding: .15rem .2rem; font-style: normal;
  border-radius: .25rem; }
.matrix tr { border: 0; }
.turned { vertical-align: bottom; }
.turned span { writing-mode: vertical-rl; transform: rotate(180deg);
  max-height: 9rem; overflow: hidden; }
.spark { width: 8rem; min-width: 8rem; height: 1.4rem; }
.spark path { stroke: var(--packed); stroke-width: 3; }
.spark .axis { stroke: var(--muted); stroke-width: .6; fill: none; }
.plots { display: grid; gap: 1.5rem 2.5rem; margin-top: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
figure { margin: 0; max-width: 34rem; }
h2 ~ figure { max-width: 44rem; margin-top: .75rem; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
details { margin: .75rem 0; }
pre { background: var(--card); border-radius: .6rem; padding: .9rem 1.1rem;
  overflow-x: auto; font-size: .85rem; line-height: 1.45; }
@media (max-width: 36rem) {
  body { padding: 1rem .9rem 3rem; }
  .wide { font-size: .86rem; }
  th, td { padding-right: .75rem; }
  .wrap { min-width: 7.5rem; }
}
@media print { body { max-width: none; } figure, tr { break-inside: avoid; } }
"""
)
