// Owns CSV: text in pieces to rows of cells, cells to text. Pure: knows no page and no model.

// Reads RFC 4180 in pieces; the separator is that of comma, semicolon and tab which the first line has most of.
export class CsvReader {
  rows = [];
  cells = [];
  cell = "";
  quoted = false; // inside quotes
  closed = false; // a quote has just ended: another one means a quote sign
  separator = null;
  held = "";

  // Takes a piece of text; gives the rows that it ends.
  push(text) {
    let piece = this.held + text;
    this.held = "";
    if (this.separator === null) {
      if (!/[\r\n]/.test(piece)) {
        this.held = piece;
        return [];
      }
      piece = piece.replace(/^\ufeff/, "");
      this.separator = separatorOf(piece.split(/[\r\n]/, 1)[0]);
    }
    for (const sign of piece) this.take(sign);
    return this.rows.splice(0);
  }

  // The last rows, where the text does not end with a line break.
  end() {
    const rows = this.held ? this.push("\n") : [];
    if (this.cell || this.cells.length) this.endRow();
    return [...rows, ...this.rows.splice(0)];
  }

  take(sign) {
    if (this.quoted) {
      if (sign === '"') this.quoted = !(this.closed = true);
      else this.cell += sign;
    } else if (sign === '"' && this.closed) {
      this.cell += '"';
      this.quoted = !(this.closed = false);
    } else if (sign === '"' && !this.cell) this.quoted = true;
    else if (sign === this.separator) this.endCell();
    else if (sign === "\n") this.endRow();
    else if (sign !== "\r") this.cell += sign;
    if (sign !== '"') this.closed = false;
  }

  endCell() {
    this.cells.push(this.cell);
    this.cell = "";
  }

  endRow() {
    const blank = !this.cell && !this.cells.length;
    this.endCell();
    if (!blank) this.rows.push(this.cells);
    this.cells = [];
  }
}

function separatorOf(line) {
  const bare = line.replace(/"(?:[^"]|"")*(?:"|$)/g, ""); // what stands in quotes separates nothing
  const often = (sign) => bare.split(sign).length;
  return [",", ";", "\t"].sort((a, b) => often(b) - often(a))[0];
}

// A line of CSV.
export const csvLine = (cells) => `${cells.map(quote).join(",")}\r\n`;

const quote = (cell) => (/[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

// What begins a formula: at the start of a text and, as a spreadsheet may split at another sign than ours, behind each such
// sign in it. An apostrophe before it, and one more where there are some, makes it a text.
const START = /^'*(?=[=+@\t\r\n\uff1d\uff0b\uff0d\uff20-])/;
const WITHIN = /[,;|\t\r\n]"*'*(?=[=+@\uff1d\uff0b\uff0d\uff20-])/g;

// A text of the server's as a cell that no spreadsheet takes for a formula.
export const harmless = (text) => (Number.isNaN(Number(text)) ? text.replace(WITHIN, "$&'").replace(START, "$&'") : text);

// What such a cell stands for.
export function meant(cell) {
  const text = cell.replace(WITHIN, (found) => found.replace(/'$/, "")).replace(START, (found) => found.replace(/'$/, ""));
  return harmless(text) === cell ? text : cell;
}
