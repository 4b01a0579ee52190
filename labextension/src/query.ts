/** Write options as a query: lists repeat their name, maps give `name=value`. */
export function encode(takes: object, query: URLSearchParams): void {
  for (const [name, value] of Object.entries(takes)) {
    if (value === undefined || value === null) {
      continue;
    }
    if (Array.isArray(value)) {
      value.forEach(item => query.append(name, String(item)));
    } else if (typeof value === 'object') {
      Object.entries(value as object).forEach(([key, item]) => query.append(name, `${key}=${item}`));
    } else {
      query.append(name, String(value));
    }
  }
}
