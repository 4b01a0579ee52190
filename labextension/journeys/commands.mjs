// Every command says what it is called and which arguments it takes, with a description of each.

import { run } from './lab.mjs';

await run(async tour => {
  await tour.open();
  tour.found.commands = await tour.page.evaluate(async () => {
    const { commands } = window.jupyterapp;
    const ours = commands.listCommands().filter(id => id.startsWith('nbops:'));
    return Promise.all(
      ours.map(async id => {
        const { args } = await commands.describedBy(id);
        const properties = Object.entries(args?.properties ?? {});
        return {
          id,
          label: commands.label(id),
          type: args?.type ?? null,
          undescribed: properties.filter(([, { description }]) => !description).map(([name]) => name)
        };
      })
    );
  });
});
