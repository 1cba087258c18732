/** Queries that were asked in this browser, the newest first. */

const MOST = 30;

function read(key: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each): each is string => typeof each === "string") : [];
  } catch {
    return [];
  }
}

export class QueryHistory {
  constructor(private readonly key: string) {}

  get queries(): string[] {
    return read(this.key);
  }

  /** Put these first; what was asked before moves up. */
  remember(queries: string[]): void {
    const kept = [...new Set([...queries.filter(Boolean), ...this.queries])].slice(0, MOST);
    try {
      localStorage.setItem(this.key, JSON.stringify(kept));
    } catch {
      // A full or forbidden storage only forgets.
    }
  }
}
