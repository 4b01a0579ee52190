import { NotebookPanel } from '@jupyterlab/notebook';
import { beforeEach, describe, expect, it } from 'vitest';

import { KernelLine } from '../src/kernel';
import { ILiveProgress, LIVE } from '../src/live-message';

/** A kernel that says what it is told to, when it is told to. */
class Kernel {
  interrupts = 0;
  private _hears: (message: unknown) => void = () => undefined;
  private _replies: (message: unknown) => void = () => undefined;

  get panel(): NotebookPanel {
    return { sessionContext: { session: { kernel: this } } } as unknown as NotebookPanel;
  }

  requestExecute(): unknown {
    const hear = (to: (message: unknown) => void) => (this._hears = to);
    return {
      done: new Promise(resolve => (this._replies = resolve)),
      set onIOPub(to: (message: unknown) => void) {
        hear(to);
      }
    };
  }

  async interrupt(): Promise<void> {
    this.interrupts++;
  }

  say(msg_type: string, data: { [type: string]: unknown } = {}): void {
    this._hears({ header: { msg_type }, content: { data } });
  }

  reply(content: unknown): void {
    this._replies({ content });
  }
}

const INTERRUPTED = { status: 'error', ename: 'KeyboardInterrupt', evalue: '' };

describe('KernelLine', () => {
  let kernel: Kernel;
  let told: string[];
  let line: KernelLine;

  beforeEach(() => {
    kernel = new Kernel();
    told = [];
    const tell = (now: ILiveProgress) => void told.push(now.stages[0].title);
    line = new KernelLine(kernel.panel, '%nbops extract f --to a.b --json', tell);
  });

  it('tells where it stands, and gives the answer alone', async () => {
    kernel.say('execute_input');
    kernel.say('display_data', { [LIVE]: { stages: [{ title: 'Extract f' }] }, 'text/plain': '… Extract f' });
    kernel.say('update_display_data', { 'text/plain': '✓ Extract f' });
    kernel.say('execute_result', { 'text/plain': '{"module": "a.b"}' });
    kernel.reply({ status: 'ok' });

    expect(await line.done).toEqual({ text: '{"module": "a.b"}', isError: false, isCancelled: false });
    expect(told).toEqual(['Extract f']);
  });

  it('is ended by an interrupt while it runs', async () => {
    kernel.say('execute_input');
    line.cancel();
    kernel.reply(INTERRUPTED);

    expect(kernel.interrupts).toBe(1);
    expect((await line.done).isCancelled).toBe(true);
  });

  it('leaves the cell alone that it waits for, and ends when its turn comes', () => {
    line.cancel();
    expect(kernel.interrupts).toBe(0);

    kernel.say('execute_input');
    expect(kernel.interrupts).toBe(1);
  });

  it('does not interrupt what runs after it', async () => {
    kernel.say('execute_input');
    kernel.reply({ status: 'ok' });
    await line.done;
    line.cancel();

    expect(kernel.interrupts).toBe(0);
  });

  it('was not cancelled where somebody else interrupted it', async () => {
    kernel.say('execute_input');
    kernel.reply(INTERRUPTED);

    expect(await line.done).toMatchObject({ isError: true, isCancelled: false });
  });
});
