/**
 * Bar charts and line charts, in SVG.
 *
 * @module
 */

/** A bar. */
export interface Bar {
  /** The text before it. */
  readonly label: string;
  /** Its length, on the scale of its panel. */
  readonly value: number;
  /** The text behind it. */
  readonly text: string;
}

/** A panel of bars. */
export interface BarPanel {
  /** Its title. */
  readonly title: string;
  /** Its bars, from top to bottom. */
  readonly bars: readonly Bar[];
}

/** A line: one value for each second. */
export interface Line {
  /** Its name in the legend. */
  readonly label: string;
  /** Its values. */
  readonly values: readonly number[];
}

/** A panel of lines over time. */
export interface LinePanel {
  /** Its title. */
  readonly title: string;
  /** Its lines; the last is drawn on top. */
  readonly lines: readonly Line[];
  /** The seconds that are shaded, and the text there. */
  readonly shaded: { readonly from: number; readonly to: number; readonly label: string };
}

const FONT = "font-family='Helvetica, Arial, sans-serif'";
const GREY = "#868e96";
const INK = "#1f2933";
const COLOURS: Readonly<Record<string, string>> = {
  shortest_expected_delay: "#d9480f",
  oracle: "#2b8a3e",
  least_loaded: "#1971c2",
  peak_ewma: "#9c36b5",
};
const WIDTH = 960;
const PANEL_GAP = 40;

/**
 * Draws panels of bars, two in a row.
 *
 * @param title The title of the picture.
 * @param panels The panels.
 * @returns An SVG document.
 */
export function barChart(title: string, panels: readonly BarPanel[]): string {
  const width = (WIDTH - 3 * PANEL_GAP) / 2;
  const height = 34 + Math.max(...panels.map(({ bars }) => bars.length)) * 24;
  const drawn = panels.map((panel, place) => {
    const x = PANEL_GAP + (place % 2) * (width + PANEL_GAP);
    const y = 64 + Math.floor(place / 2) * (height + 24);
    return `<g transform='translate(${x} ${y})'>${bars(panel, width)}</g>`;
  });
  const rows = Math.ceil(panels.length / 2);
  return svg(title, 64 + rows * (height + 24), drawn);
}

function bars(panel: BarPanel, width: number): string {
  const labelWidth = 170;
  const most = Math.max(...panel.bars.map(({ value }) => value), Number.MIN_VALUE);
  const scale = (width - labelWidth - 70) / most;
  const rows = panel.bars.map(({ label, value, text: behind }, place) => {
    const y = 34 + place * 24;
    const length = Math.max(value * scale, 1);
    const colour = COLOURS[label] ?? GREY;
    return text(labelWidth - 8, y + 13, label, "end") +
      `<rect x='${labelWidth}' y='${y}' width='${
        length.toFixed(1)
      }' height='17' fill='${colour}'/>` +
      text(labelWidth + length + 6, y + 13, behind);
  });
  return text(0, 16, panel.title, "start", 15) + rows.join("");
}

/**
 * Draws panels of lines, one below the other.
 *
 * @param title The title of the picture.
 * @param panels The panels.
 * @param most The value at the top of the scale.
 * @returns An SVG document.
 */
export function lineChart(title: string, panels: readonly LinePanel[], most: number): string {
  const height = 270;
  const drawn = panels.map((panel, place) =>
    `<g transform='translate(${PANEL_GAP + 30} ${64 + place * (height + 70)})'>` +
    `${lines(panel, WIDTH - 2 * PANEL_GAP - 230, height, most)}</g>`
  );
  return svg(title, 64 + panels.length * (height + 70), drawn);
}

function lines(panel: LinePanel, width: number, height: number, most: number): string {
  const seconds = Math.max(...panel.lines.map(({ values }) => values.length));
  const x = (second: number) => second / seconds * width;
  const top = 30;
  const y = (value: number) => top + (1 - Math.min(value, most) / most) * (height - top);
  const { from, to, label } = panel.shaded;
  const parts = [
    text(-30, 14, panel.title, "start", 15),
    `<rect x='${x(from)}' y='${top}' width='${x(to) - x(from)}' height='${
      height - top
    }' fill='#fff0e6'/>`,
    text(x((from + to) / 2), top + 16, label, "middle"),
  ];
  for (let value = 0; value <= most; value += 0.2) {
    const at = y(value).toFixed(1);
    parts.push(
      `<line x1='0' x2='${width}' y1='${at}' y2='${at}' stroke='#e4e7eb'/>`,
      text(-6, y(value) + 4, value.toFixed(1), "end"),
    );
  }
  for (let second = 0; second <= seconds; second += 5) {
    parts.push(text(x(second), height + 16, `${second} s`, "middle"));
  }
  panel.lines.forEach(({ label, values }, place) => {
    const colour = COLOURS[label] ?? GREY;
    const points = values.map((value, second) =>
      `${x(second + 0.5).toFixed(1)},${y(value).toFixed(1)}`
    );
    const stroke = place === panel.lines.length - 1 ? 3 : 1.6;
    parts.push(
      `<polyline points='${
        points.join(" ")
      }' fill='none' stroke='${colour}' stroke-width='${stroke}'/>`,
    );
    const legend = top + 12 + (panel.lines.length - 1 - place) * 22;
    parts.push(
      `<line x1='${width + 16}' x2='${width + 40}' y1='${legend - 4}' y2='${legend - 4}' ` +
        `stroke='${colour}' stroke-width='${stroke}'/>`,
      text(width + 46, legend, label),
    );
  });
  return parts.join("");
}

function text(x: number, y: number, content: string, anchor = "start", size = 12): string {
  return `<text x='${x.toFixed(1)}' y='${y.toFixed(1)}' text-anchor='${anchor}' ` +
    `font-size='${size}' fill='${INK}'>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${WIDTH} ${height}' ` +
    `width='${WIDTH}' height='${height}' ${FONT}><rect width='100%' height='100%' fill='white'/>` +
    `${text(PANEL_GAP, 34, title, "start", 20)}${parts.join("\n")}</svg>\n`;
}
