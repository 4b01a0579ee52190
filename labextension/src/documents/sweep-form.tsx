import * as React from 'react';

import { act } from '../act';
import { text } from '../format';
import { nbopsIcon } from '../icons';
import { parameterField } from '../parameter-field';
import { Advice } from '../parts/advice';
import { FieldRow } from '../parts/form';
import { statusWords } from '../parts/words';
import { Parameter } from '../schema';
import { plan } from '../sweep';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Block } from './parts';

/** Ask with which parameters a notebook shall run, and run it. */
export function openSweepForm(context: IContext, notebook: string): void {
  openInMain(context, {
    again: { command: 'nbops:retrain-notebook', args: { notebook } },
    id: `nbops-sweep-${notebook}`,
    title: context.trans.__('Retrain %1', notebook.split('/').pop()),
    caption: notebook,
    icon: nbopsIcon,
    make: () => new SweepForm(context, notebook)
  });
}

class SweepForm extends Document<Parameter[]> {
  constructor(
    context: IContext,
    private readonly _notebook: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Retrain %1', _notebook));
  }

  protected ask(): Promise<Parameter[]> {
    return this.context.client.call(
      'parameters',
      { notebook: this._notebook },
      { project: this.context.project.path }
    );
  }

  protected draw(known: Parameter[]): React.ReactElement {
    const { trans } = this.context;
    if (known.length === 0) {
      return (
        <Advice
          title={trans.__('This notebook has no parameters')}
          text={trans.__(
            'Tag the cell that sets the defaults with “parameters” (in the property inspector of the right sidebar), save, and ask again.'
          )}
        />
      );
    }
    const planned = plan(known, this._typed, this._trials);
    const hasGoal = planned.trials === null || this._objective.trim() !== '';
    const problem = planned.problem ?? (hasGoal ? null : trans.__('A search needs an objective.'));
    return (
      <article>
        <header className="nbops-Head">
          <h1>{trans.__('Retrain %1', this._notebook.split('/').pop())}</h1>
          <p className="nbops-Head-note">
            {trans.__(
              'Give one value, or several separated by commas: every combination is run. With a number of trials, a search chooses among them, or within a range such as 1e-4..1 log.'
            )}
          </p>
        </header>
        <Block title={trans.__('Parameters')} isWide>
          <div className="nbops-Form nbops-mod-columns">
            {known.map(parameter => (
              <FieldRow
                key={parameter.name}
                value={this._typed[parameter.name] ?? ''}
                field={parameterField(parameter)}
                onChange={value => this._type(parameter.name, value)}
              />
            ))}
          </div>
        </Block>
        <Block title={trans.__('How')} isWide>
          <div className="nbops-Form nbops-mod-columns">
            <FieldRow
              value={this._objective}
              field={{
                name: 'objective',
                label: trans.__('Objective'),
                placeholder: 'max:accuracy',
                help: trans.__('What makes a run the best: max: or min: and the name of a metric')
              }}
              onChange={value => {
                this._objective = value;
                this.update();
              }}
            />
            <FieldRow
              value={this._trials}
              field={{
                name: 'trials',
                label: trans.__('Trials'),
                placeholder: trans.__('every combination'),
                help: trans.__('How many points a search may choose; it needs an objective')
              }}
              onChange={value => {
                this._trials = value;
                this.update();
              }}
            />
            <FieldRow
              value={this._jobs}
              field={{
                name: 'jobs',
                label: trans.__('Runs at a time'),
                choices: ['1', '2', '4', '8'].map(jobs => [jobs, jobs] as const)
              }}
              onChange={value => {
                this._jobs = value;
                this.update();
              }}
            />
          </div>
        </Block>
        <div className="nbops-Actions">
          <button
            className="nbops-Button nbops-mod-primary nbops-mod-large"
            disabled={problem !== null || this._isRunning}
            onClick={() => void this._start(known)}
          >
            {trans._n('Start %1 run', 'Start %1 runs', planned.runs)}
          </button>
          <span role="status">
            {problem ?? (this._isRunning ? trans.__('Running; the Sweeps section shows how far.') : '')}
          </span>
        </div>
      </article>
    );
  }

  private _type(name: string, value: string): void {
    this._typed = { ...this._typed, [name]: value };
    this.update();
  }

  private async _start(known: Parameter[]): Promise<void> {
    const { trans, app } = this.context;
    const { param, grid, search, trials, runs } = plan(known, this._typed, this._trials);
    this._isRunning = true;
    this.update();
    void app.commands.execute('nbops:open-panel', { section: 'sweeps' });
    const takes = {
      notebook: this._notebook,
      param,
      grid,
      search: search.length ? search : undefined,
      trials: trials ?? undefined,
      objective: this._objective.trim() || undefined,
      jobs: Number(this._jobs)
    };
    await act(this.context, 'retrain', takes, {
      doing: trans._n('Retraining: %1 run', 'Retraining: %1 runs', runs),
      done: sweep => trans.__('%1 is %2', text(sweep.name, 60), statusWords(sweep.status, trans))
    });
    this._isRunning = false;
    this.update();
  }

  private _typed: { [name: string]: string } = {};
  private _objective = '';
  private _trials = '';
  private _jobs = '2';
  private _isRunning = false;
}
