import { TranslationBundle } from '@jupyterlab/translation';

/** A status in the words of the user's language. */
export function statusWords(status: string, trans: TranslationBundle): string {
  const words: { [status: string]: string } = {
    running: trans.__('running'),
    starting: trans.__('starting'),
    finished: trans.__('finished'),
    ok: trans.__('ok'),
    ready: trans.__('ready'),
    up: trans.__('up'),
    down: trans.__('down'),
    passed: trans.__('passed'),
    stable: trans.__('stable'),
    equal: trans.__('equal'),
    'within tolerance': trans.__('within tolerance'),
    different: trans.__('different'),
    missing: trans.__('missing'),
    failed: trans.__('failed'),
    error: trans.__('error'),
    invalid: trans.__('invalid syntax'),
    drifted: trans.__('drifted'),
    interrupted: trans.__('interrupted'),
    cancelled: trans.__('cancelled'),
    exited: trans.__('exited'),
    stopped: trans.__('stopped'),
    paused: trans.__('paused'),
    waiting: trans.__('waiting'),
    skipped: trans.__('skipped'),
    clean: trans.__('clean'),
    tainted: trans.__('tainted'),
    reproduced: trans.__('reproduced'),
    'too few rows': trans.__('too few rows')
  };
  return words[status] ?? status;
}
