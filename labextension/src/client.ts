import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { ProblemError, UNREACHABLE } from './problem';
import { encode } from './query';
import { API, METHODS, Problem, Routes } from './schema';

const ATTEMPTS = 3;

export interface ICallOptions {
  /** A folder or file below the server's root; its project is acted on. */
  project?: string;
  signal?: AbortSignal;
  /** A name under which the event bus tells of the call's progress. */
  request?: string;
}

/** The only one who talks to the server. */
export class Client {
  constructor(settings: ServerConnection.ISettings) {
    // For 'no-store' JupyterLab appends a nameless argument to the address; the server forbids storing anyway.
    this.settings = { ...settings, init: { ...settings.init, cache: 'no-cache' } };
  }

  readonly settings: ServerConnection.ISettings;

  /**
   * Call a route.
   *
   * Rejects with a `ProblemError` when the server refuses, is not there, or has no nbops.
   */
  async call<N extends keyof Routes>(
    name: N,
    takes: Routes[N]['takes'],
    options: ICallOptions = {}
  ): Promise<Routes[N]['gives']> {
    const method = METHODS[name] ?? 'GET';
    const url = this._address(method, name, takes, options);
    const early = this._ahead.get(url);
    if (early !== undefined) {
      this._ahead.delete(url);
      return early as Promise<Routes[N]['gives']>;
    }
    const response = await this._send(method, url, takes, options);
    const type = response.headers.get('Content-Type') ?? '';
    if (!response.ok) {
      throw new ProblemError(await problemOf(response, type));
    }
    return (type.startsWith('application/json') ? response.json() : response.blob()) as Promise<
      Routes[N]['gives']
    >;
  }

  /** Ask already now what is about to be asked: the next same question has this answer. */
  ahead<N extends keyof Routes>(name: N, takes: Routes[N]['takes'], options: ICallOptions): void {
    const asked = this.call(name, takes, options);
    // Whoever asks hears of a refusal.
    asked.catch(() => undefined);
    this._ahead.set(this._address('GET', name, takes, options), asked);
  }

  private _address(method: string, name: string, takes: object, options: ICallOptions): string {
    const query = new URLSearchParams({ project: options.project ?? '' });
    if (method === 'GET') {
      encode(takes, query);
    }
    return `${URLExt.join(this.settings.baseUrl, API, name)}?${query}`;
  }

  private async _send(method: string, url: string, takes: object, options: ICallOptions): Promise<Response> {
    const headers: Record<string, string> = { 'Content-Type': 'application/json' };
    if (options.request) {
      headers['X-Request-ID'] = options.request;
    }
    const body = method === 'GET' ? undefined : JSON.stringify(takes);
    const init = { method, body, headers, signal: options.signal };
    for (let attempt = 1; ; attempt++) {
      try {
        return await ServerConnection.makeRequest(url, init, this.settings);
      } catch (error) {
        if (options.signal?.aborted) {
          throw error;
        }
        // A question may be asked again: a laptop that wakes or changes its network drops what is under way.
        if (method !== 'GET' || attempt === ATTEMPTS) {
          throw new ProblemError({ ...UNREACHABLE, detail: String((error as Error).message ?? error) });
        }
        await new Promise(resolve => setTimeout(resolve, 250 * attempt));
      }
    }
  }

  private readonly _ahead = new Map<string, Promise<unknown>>();
}

async function problemOf(response: Response, type: string): Promise<Problem> {
  if (type.startsWith('application/problem+json')) {
    return (await response.json()) as Problem;
  }
  // Only a server without our extension answers 404 in its own words.
  const isMissing = response.status === 404;
  return {
    ...UNREACHABLE,
    code: isMissing ? 'server_missing' : 'refused',
    title: response.statusText,
    detail: `${response.status} ${response.statusText}`,
    hint: isMissing ? 'pip install nbops' : null,
    status: response.status
  };
}
